-- Codes by which an owner comes in when the organization's sign-in does not work. Each opens one session.
CREATE TABLE recovery_codes (
    hash bytea NOT NULL PRIMARY KEY,
    organization_id uuid NOT NULL,
    member_id uuid NOT NULL,
    created_at BIGINT NOT NULL,
    -- When the owner said that they are kept somewhere safe.
    saved_at BIGINT
);
CREATE INDEX recovery_codes_member ON recovery_codes (organization_id, member_id);

-- When an admin last came in through the organization's own tenant, and which that was.
CREATE TABLE proven_sign_ins (
    organization_id uuid NOT NULL,
    identity_id uuid NOT NULL,
    tenant_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, identity_id)
);

-- The owner whose recovery code opened the session; it is for the SSO settings of its organization only.
ALTER TABLE sessions ADD COLUMN recovers_id uuid;
