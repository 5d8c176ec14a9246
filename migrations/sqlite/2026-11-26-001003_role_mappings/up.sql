-- Roles that members get by being in a group, directly or through groups in it; of several the highest counts.
CREATE TABLE role_mappings (
    organization_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    group_id BLOB NOT NULL,
    -- read, write or admin.
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, group_id)
) WITHOUT ROWID;
-- How often the mappings have changed; 0: there never was one, and memberships have nothing to do with roles.
ALTER TABLE organizations ADD COLUMN role_mappings BIGINT NOT NULL DEFAULT 0;
-- The role of the door a member came by, which is theirs where nothing else says.
ALTER TABLE members ADD COLUMN default_role TEXT NOT NULL DEFAULT 'read';
UPDATE members SET default_role = role WHERE role_source = 'default';
-- Within a transaction: whose groups have gone, before their roles are looked up again.
CREATE INDEX members_stale ON members (organization_id, id) WHERE role_source = 'stale';
