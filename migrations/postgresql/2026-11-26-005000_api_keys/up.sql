-- Keys of an organization's own programs: stored by their hash. creator: the member whose role bounds the key; NULL
-- for one that an operator made.
CREATE TABLE api_keys (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    hash bytea NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    hint TEXT COLLATE "C" NOT NULL,
    -- read, write, admin.
    role TEXT COLLATE "C" NOT NULL,
    -- As the audit trail calls who made it.
    created_by TEXT COLLATE "C" NOT NULL,
    creator uuid,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
