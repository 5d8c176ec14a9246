-- Keys of an organization's own programs: stored by their hash. creator: the member whose role bounds the key; NULL
-- for one that an operator made.
CREATE TABLE api_keys (
    organization_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id BLOB NOT NULL,
    hash BLOB NOT NULL,
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    -- read, write, admin.
    role TEXT NOT NULL,
    -- As the audit trail calls who made it.
    created_by TEXT NOT NULL,
    creator BLOB,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
