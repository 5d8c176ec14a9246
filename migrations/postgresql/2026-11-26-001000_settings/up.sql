-- What people set of an organization, the version by which they see that nobody else has meanwhile, and when it was deleted.
ALTER TABLE organizations ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE organizations ADD COLUMN contact_name TEXT COLLATE "C";
ALTER TABLE organizations ADD COLUMN contact_email TEXT COLLATE "C";
ALTER TABLE organizations ADD COLUMN contact_phone TEXT COLLATE "C";
-- A JSON object.
ALTER TABLE organizations ADD COLUMN postal_address TEXT COLLATE "C";
-- The role of whom provisioning makes a member.
ALTER TABLE organizations ADD COLUMN scim_role TEXT COLLATE "C" NOT NULL DEFAULT 'read';
ALTER TABLE organizations ADD COLUMN deleted_at BIGINT;
