-- Codes by which an owner comes in when the organization's sign-in does not work. Each opens one session.
CREATE TABLE recovery_codes (
    hash BLOB NOT NULL PRIMARY KEY,
    organization_id BLOB NOT NULL,
    member_id BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    -- When the owner said that they are kept somewhere safe.
    saved_at BIGINT
) WITHOUT ROWID;
CREATE INDEX recovery_codes_member ON recovery_codes (organization_id, member_id);

-- When an admin last came in through the organization's own tenant, and which that was.
CREATE TABLE proven_sign_ins (
    organization_id BLOB NOT NULL,
    identity_id BLOB NOT NULL,
    tenant_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, identity_id)
) WITHOUT ROWID;

-- The owner whose recovery code opened the session; it is for the SSO settings of its organization only.
ALTER TABLE sessions ADD COLUMN recovers_id BLOB;
