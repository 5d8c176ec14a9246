ALTER TABLE organizations DROP COLUMN deleted_at;
ALTER TABLE organizations DROP COLUMN scim_role;
ALTER TABLE organizations DROP COLUMN postal_address;
ALTER TABLE organizations DROP COLUMN contact_phone;
ALTER TABLE organizations DROP COLUMN contact_email;
ALTER TABLE organizations DROP COLUMN contact_name;
ALTER TABLE organizations DROP COLUMN version;
