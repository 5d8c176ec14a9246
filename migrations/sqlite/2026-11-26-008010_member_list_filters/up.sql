-- The list of members by role and status, in any order: what it is narrowed by comes first in its indexes. The orders by
-- role and by status are read from them too.
DROP INDEX members_by_status;
DROP INDEX members_by_role;
CREATE INDEX members_by_standing ON members (organization_id, role_sort, status_sort, id);
CREATE INDEX members_by_standing_name ON members (organization_id, role_sort, status_sort, name_sort, id);
CREATE INDEX members_by_standing_email ON members (organization_id, role_sort, status_sort, email_sort, id);

-- Those who were removed, the same.
ALTER TABLE removed_members ADD COLUMN name_sort TEXT NOT NULL DEFAULT '';
UPDATE removed_members SET name_sort = lower(coalesce(document ->> '$.displayName', document ->> '$.userName', ''));
ALTER TABLE removed_members ADD COLUMN email_sort TEXT GENERATED ALWAYS AS (coalesce(address_key, '')) VIRTUAL;
ALTER TABLE removed_members ADD COLUMN role_sort BIGINT
    GENERATED ALWAYS AS (CASE role WHEN 'owner' THEN 4 WHEN 'admin' THEN 3 WHEN 'write' THEN 2 ELSE 1 END) VIRTUAL;
CREATE INDEX removed_members_by_name ON removed_members (organization_id, role_sort, name_sort, id);
CREATE INDEX removed_members_by_email ON removed_members (organization_id, role_sort, email_sort, id);
CREATE INDEX removed_members_by_role ON removed_members (organization_id, role_sort, id);
