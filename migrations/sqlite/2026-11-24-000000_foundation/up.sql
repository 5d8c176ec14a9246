-- Every table carries organization_id first in its keys; ids are 16 bytes; times are microseconds.

CREATE TABLE organizations (
    id BLOB NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL CONSTRAINT organizations_slug UNIQUE,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    plan TEXT NOT NULL,
    seat_policy TEXT NOT NULL,
    extensions_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- The one seat ledger and the counters, changed in the transaction of what they count.
CREATE TABLE organization_usage (
    organization_id BLOB NOT NULL PRIMARY KEY REFERENCES organizations (id) ON DELETE CASCADE,
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
    organization_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    schema_id TEXT NOT NULL,
    required BOOLEAN NOT NULL,
    resource TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, schema_id)
) WITHOUT ROWID;

CREATE TABLE associated_domains (
    organization_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    domain TEXT NOT NULL,
    state TEXT NOT NULL,
    vouched BOOLEAN NOT NULL,
    joining TEXT NOT NULL,
    role TEXT NOT NULL,
    challenge TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, domain)
) WITHOUT ROWID;
-- One verified owner per domain.
CREATE UNIQUE INDEX associated_domains_verified ON associated_domains (domain) WHERE state IN ('verified', 'at_risk');

CREATE TABLE provisioning_tokens (
    organization_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id BLOB NOT NULL,
    hash BLOB NOT NULL,
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    -- Encrypted; NULL where requests need no signature.
    signing_secret BLOB,
    client_id BLOB,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX provisioning_tokens_hash ON provisioning_tokens (hash);
CREATE INDEX provisioning_tokens_client ON provisioning_tokens (organization_id, client_id, expires_at) WHERE client_id IS NOT NULL;

-- Who may get access tokens by OAuth 2.0 client credentials: by a secret, or by keys of its own.
CREATE TABLE provisioning_clients (
    organization_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    secret_hash BLOB,
    hint TEXT,
    jwks TEXT,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    last_used_at BIGINT,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT one_way_to_authenticate CHECK ((secret_hash IS NULL) <> (jwks IS NULL))
);

-- Client assertions that were used (RFC 7523), until they expire: none works twice.
CREATE TABLE client_assertions (
    organization_id BLOB NOT NULL,
    client_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, client_id, hash)
);

-- kind: 1 = User, 2 = Group. document: the canonical JSON without id, meta, groups and members.
CREATE TABLE resources (
    organization_id BLOB NOT NULL,
    kind BIGINT NOT NULL,
    id BLOB NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    active BOOLEAN NOT NULL,
    user_name_key TEXT,
    external_id TEXT,
    display_name_key TEXT,
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
    organization_id BLOB NOT NULL,
    attribute BIGINT NOT NULL,
    value_key TEXT NOT NULL,
    resource_id BLOB NOT NULL,
    ordinal BIGINT NOT NULL,
    type_key TEXT,
    is_primary BOOLEAN NOT NULL,
    PRIMARY KEY (organization_id, attribute, value_key, resource_id, ordinal)
) WITHOUT ROWID;

CREATE TABLE group_members (
    organization_id BLOB NOT NULL,
    group_id BLOB NOT NULL,
    member_id BLOB NOT NULL,
    member_kind BIGINT NOT NULL,
    PRIMARY KEY (organization_id, group_id, member_id)
) WITHOUT ROWID;
CREATE INDEX group_members_member ON group_members (organization_id, member_id, group_id);

-- What a User is to the organization; same id as its resource.
CREATE TABLE members (
    organization_id BLOB NOT NULL,
    id BLOB NOT NULL,
    role TEXT NOT NULL,
    role_source TEXT NOT NULL,
    status TEXT NOT NULL,
    suspended BOOLEAN NOT NULL,
    source TEXT NOT NULL,
    provisioned BOOLEAN NOT NULL,
    address_key TEXT,
    waiting_since BIGINT,
    PRIMARY KEY (organization_id, id)
) WITHOUT ROWID;
CREATE INDEX members_address ON members (organization_id, address_key) WHERE address_key IS NOT NULL;
CREATE INDEX members_waiting ON members (organization_id, waiting_since, id) WHERE waiting_since IS NOT NULL;

CREATE TABLE audit_events (
    organization_id BLOB NOT NULL,
    id BLOB NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id BLOB,
    request_id TEXT,
    address TEXT,
    detail TEXT NOT NULL,
    PRIMARY KEY (organization_id, id)
) WITHOUT ROWID;

-- What the identity provider asked and what came of it, with what is needed to undo it.
CREATE TABLE provisioning_log (
    organization_id BLOB NOT NULL,
    id BLOB NOT NULL,
    at BIGINT NOT NULL,
    token_id BLOB NOT NULL,
    request_id TEXT NOT NULL,
    client_address TEXT,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status BIGINT NOT NULL,
    latency_us BIGINT NOT NULL,
    resource_kind BIGINT,
    resource_id BLOB,
    explanation TEXT NOT NULL,
    before TEXT,
    after TEXT,
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX provisioning_log_resource ON provisioning_log (organization_id, resource_id, id) WHERE resource_id IS NOT NULL;
