DROP INDEX members_stale;
ALTER TABLE members DROP COLUMN default_role;
ALTER TABLE organizations DROP COLUMN role_mappings;
DROP TABLE role_mappings;
