DROP INDEX removed_members_by_role;
DROP INDEX removed_members_by_email;
DROP INDEX removed_members_by_name;
ALTER TABLE removed_members DROP COLUMN role_sort;
ALTER TABLE removed_members DROP COLUMN email_sort;
ALTER TABLE removed_members DROP COLUMN name_sort;

DROP INDEX members_by_standing_email;
DROP INDEX members_by_standing_name;
DROP INDEX members_by_standing;
CREATE INDEX members_by_role ON members (organization_id, role_sort, id);
CREATE INDEX members_by_status ON members (organization_id, status_sort, id);
