-- What was answered to a request that makes something, by the key the client gave it: asked again, it is answered again.
CREATE TABLE idempotency_keys (
    -- All zero where the caller was in no organization.
    organization_id BLOB NOT NULL,
    actor TEXT NOT NULL,
    -- Of the key, and of the request.
    key_hash BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    -- Encrypted: it may hold a secret that is shown once.
    answer BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, actor, key_hash)
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

-- The state an organization had when it was deleted, to which it is restored.
ALTER TABLE organizations ADD COLUMN deleted_from TEXT;
CREATE INDEX organizations_deleted_at ON organizations (deleted_at) WHERE deleted_at IS NOT NULL;
