-- Every table carries organization_id first in its keys; ids are 16 bytes; times are microseconds.

CREATE TABLE organizations (
    id uuid NOT NULL PRIMARY KEY,
    slug TEXT COLLATE "C" NOT NULL CONSTRAINT organizations_slug UNIQUE,
    name TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    plan TEXT COLLATE "C" NOT NULL,
    seat_policy TEXT COLLATE "C" NOT NULL,
    extensions_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- The one seat ledger and the counters, changed in the transaction of what they count.
CREATE TABLE organization_usage (
    organization_id uuid NOT NULL PRIMARY KEY REFERENCES organizations (id) ON DELETE CASCADE,
    seats BIGINT NOT NULL,
    seats_used BIGINT NOT NULL,
    seats_pending BIGINT NOT NULL,
    waiting BIGINT NOT NULL,
    active_owners BIGINT NOT NULL,
    users BIGINT NOT NULL,
    groups BIGINT NOT NULL,
    CONSTRAINT seats_available CHECK (seats_used + seats_pending <= seats),
    CONSTRAINT an_owner_remains CHECK (active_owners >= 1),
    CONSTRAINT counters_are_counts CHECK (seats_used >= 0 AND seats_pending >= 0 AND waiting >= 0 AND users >= 0 AND groups >= 0)
);

CREATE TABLE organization_extensions (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    schema_id TEXT COLLATE "C" NOT NULL,
    required BOOLEAN NOT NULL,
    resource TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, schema_id)
);

CREATE TABLE associated_domains (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    domain TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    vouched BOOLEAN NOT NULL,
    joining TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    challenge TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, domain)
);
-- One verified owner per domain.
CREATE UNIQUE INDEX associated_domains_verified ON associated_domains (domain) WHERE state IN ('verified', 'at_risk');

CREATE TABLE provisioning_tokens (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    hash bytea NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    hint TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    -- Encrypted; NULL where requests need no signature.
    signing_secret bytea,
    client_id uuid,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX provisioning_tokens_hash ON provisioning_tokens (hash);
CREATE INDEX provisioning_tokens_client ON provisioning_tokens (organization_id, client_id, expires_at) WHERE client_id IS NOT NULL;

-- Who may get access tokens by OAuth 2.0 client credentials: by a secret, or by keys of its own.
CREATE TABLE provisioning_clients (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    secret_hash bytea,
    hint TEXT COLLATE "C",
    jwks TEXT,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    last_used_at BIGINT,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT one_way_to_authenticate CHECK ((secret_hash IS NULL) <> (jwks IS NULL))
);

-- Client assertions that were used (RFC 7523), until they expire: none works twice.
CREATE TABLE client_assertions (
    organization_id uuid NOT NULL,
    client_id uuid NOT NULL,
    hash bytea NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, client_id, hash)
);

-- kind: 1 = User, 2 = Group. document: the canonical JSON without id, meta, groups and members.
CREATE TABLE resources (
    organization_id uuid NOT NULL,
    kind BIGINT NOT NULL,
    id uuid NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    active BOOLEAN NOT NULL,
    user_name_key TEXT COLLATE "C",
    external_id TEXT COLLATE "C",
    display_name_key TEXT COLLATE "C",
    document TEXT NOT NULL,
    PRIMARY KEY (organization_id, kind, id)
);
CREATE UNIQUE INDEX resources_user_name ON resources (organization_id, user_name_key) WHERE user_name_key IS NOT NULL;
-- The id at the end: what is equal comes in the order of ids without a sort.
CREATE INDEX resources_external_id ON resources (organization_id, kind, external_id, id) WHERE external_id IS NOT NULL;
CREATE INDEX resources_display_name ON resources (organization_id, kind, display_name_key, id) WHERE display_name_key IS NOT NULL;
CREATE INDEX resources_updated_at ON resources (organization_id, kind, updated_at, id);

-- One row per element of an indexed attribute (schemas/storage.json), so that value paths correlate.
CREATE TABLE attribute_values (
    organization_id uuid NOT NULL,
    attribute BIGINT NOT NULL,
    value_key TEXT COLLATE "C" NOT NULL,
    resource_id uuid NOT NULL,
    ordinal BIGINT NOT NULL,
    type_key TEXT COLLATE "C",
    is_primary BOOLEAN NOT NULL,
    PRIMARY KEY (organization_id, attribute, value_key, resource_id, ordinal)
);

CREATE TABLE group_members (
    organization_id uuid NOT NULL,
    group_id uuid NOT NULL,
    member_id uuid NOT NULL,
    member_kind BIGINT NOT NULL,
    PRIMARY KEY (organization_id, group_id, member_id)
);
CREATE INDEX group_members_member ON group_members (organization_id, member_id, group_id);

-- What a User is to the organization; same id as its resource.
CREATE TABLE members (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    role_source TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    suspended BOOLEAN NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    provisioned BOOLEAN NOT NULL,
    address_key TEXT COLLATE "C",
    waiting_since BIGINT,
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX members_address ON members (organization_id, address_key) WHERE address_key IS NOT NULL;
CREATE INDEX members_waiting ON members (organization_id, waiting_since, id) WHERE waiting_since IS NOT NULL;

CREATE TABLE audit_events (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    target_kind TEXT COLLATE "C" NOT NULL,
    target_id uuid,
    request_id TEXT COLLATE "C",
    address TEXT COLLATE "C",
    detail TEXT NOT NULL,
    PRIMARY KEY (organization_id, id)
);

-- What the identity provider asked and what came of it, with what is needed to undo it.
CREATE TABLE provisioning_log (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    at BIGINT NOT NULL,
    token_id uuid NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    client_address TEXT COLLATE "C",
    method TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    status BIGINT NOT NULL,
    latency_us BIGINT NOT NULL,
    resource_kind BIGINT,
    resource_id uuid,
    explanation TEXT NOT NULL,
    before TEXT,
    after TEXT,
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX provisioning_log_resource ON provisioning_log (organization_id, resource_id, id) WHERE resource_id IS NOT NULL;
