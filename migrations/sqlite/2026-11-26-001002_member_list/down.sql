DROP INDEX members_by_status;
DROP INDEX members_by_role;
DROP INDEX members_by_email;
DROP INDEX members_by_name;
ALTER TABLE members DROP COLUMN status_sort;
ALTER TABLE members DROP COLUMN role_sort;
ALTER TABLE members DROP COLUMN email_sort;
ALTER TABLE members DROP COLUMN name_sort;
