CREATE INDEX members_by_name ON members (organization_id, name_sort, id);
CREATE INDEX members_by_email ON members (organization_id, email_sort, id);
