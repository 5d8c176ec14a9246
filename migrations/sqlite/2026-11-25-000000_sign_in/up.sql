-- How people sign in: the organization's tenant, identities, sessions, and what waits on the way.

ALTER TABLE organizations ADD COLUMN tenant_id TEXT;
ALTER TABLE organizations ADD COLUMN sso TEXT NOT NULL DEFAULT 'off';

ALTER TABLE associated_domains ADD COLUMN lost_at BIGINT;
ALTER TABLE associated_domains ADD COLUMN checked_at BIGINT;

-- Who signs in: what the issuer says of a subject. Never an address.
CREATE TABLE identities (
    id BLOB NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    address TEXT,
    address_key TEXT,
    name TEXT,
    created_at BIGINT NOT NULL,
    signed_in_at BIGINT NOT NULL,
    CONSTRAINT identities_subject UNIQUE (issuer, subject)
);

ALTER TABLE members ADD COLUMN identity_id BLOB;
-- One member of an organization per identity, and the organizations of an identity.
CREATE UNIQUE INDEX members_identity ON members (identity_id, organization_id) WHERE identity_id IS NOT NULL;

-- Who was removed stays out until somebody brings them back.
CREATE TABLE removed_members (
    organization_id BLOB NOT NULL,
    id BLOB NOT NULL,
    role TEXT NOT NULL,
    role_source TEXT NOT NULL,
    source TEXT NOT NULL,
    provisioned BOOLEAN NOT NULL,
    address TEXT,
    address_key TEXT,
    identity_id BLOB,
    -- The User as it was, by which the member comes back with the same id.
    document TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    removed_by TEXT NOT NULL,
    removed_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, id)
) WITHOUT ROWID;
CREATE INDEX removed_members_address ON removed_members (organization_id, address_key) WHERE address_key IS NOT NULL;
CREATE INDEX removed_members_identity ON removed_members (organization_id, identity_id) WHERE identity_id IS NOT NULL;

-- One pending authorization request; gone when its answer comes. memory: nonce and PKCE verifier, encrypted.
CREATE TABLE sign_ins (
    state_hash BLOB NOT NULL PRIMARY KEY,
    browser_hash BLOB NOT NULL,
    memory BLOB NOT NULL,
    organization_id BLOB,
    tenant_id TEXT,
    return_to TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sign_ins_expiry ON sign_ins (expires_at);

-- organization_id: the one the person came in through, and whether its own tenant proved it.
CREATE TABLE sessions (
    hash BLOB NOT NULL PRIMARY KEY,
    id BLOB NOT NULL CONSTRAINT sessions_id UNIQUE,
    identity_id BLOB NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    organization_id BLOB,
    tenant_proven BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    provider_sid TEXT,
    -- Encrypted; named to the provider when the person signs out.
    id_token BLOB,
    client_address TEXT,
    user_agent TEXT
);
CREATE INDEX sessions_identity ON sessions (identity_id, id);
CREATE INDEX sessions_provider_sid ON sessions (provider_sid) WHERE provider_sid IS NOT NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Logout tokens that were used, until they expire (OpenID Connect Back-Channel Logout 1.0 §2.6).
CREATE TABLE logout_tokens (
    hash BLOB NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
) WITHOUT ROWID;

-- Who asked to be let in by the domain of their address.
CREATE TABLE join_requests (
    organization_id BLOB NOT NULL,
    identity_id BLOB NOT NULL,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL,
    name TEXT,
    requested_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, identity_id)
) WITHOUT ROWID;
