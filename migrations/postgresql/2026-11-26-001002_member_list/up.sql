-- Members are listed in these orders, a page at a time, however many there are. name_sort: how the person is shown, as a key.
ALTER TABLE members ADD COLUMN name_sort TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE members SET name_sort = coalesce((SELECT coalesce(r.display_name_key, r.user_name_key) FROM resources r
    WHERE r.organization_id = members.organization_id AND r.kind = 1 AND r.id = members.id), '');
ALTER TABLE members ADD COLUMN email_sort TEXT COLLATE "C" GENERATED ALWAYS AS (coalesce(address_key, '')) STORED;
ALTER TABLE members ADD COLUMN role_sort BIGINT
    GENERATED ALWAYS AS (CASE role WHEN 'owner' THEN 4 WHEN 'admin' THEN 3 WHEN 'write' THEN 2 ELSE 1 END) STORED;
ALTER TABLE members ADD COLUMN status_sort TEXT COLLATE "C"
    GENERATED ALWAYS AS (CASE WHEN suspended THEN 'suspended' ELSE status END) STORED;
CREATE INDEX members_by_name ON members (organization_id, name_sort, id);
CREATE INDEX members_by_email ON members (organization_id, email_sort, id);
CREATE INDEX members_by_role ON members (organization_id, role_sort, id);
CREATE INDEX members_by_status ON members (organization_id, status_sort, id);
