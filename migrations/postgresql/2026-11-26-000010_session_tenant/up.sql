-- The tenant that proved who came: another one in its place has proven nothing.

ALTER TABLE sessions ADD COLUMN tenant_id TEXT COLLATE "C";
UPDATE sessions SET tenant_id = (SELECT o.tenant_id FROM organizations o WHERE o.id = sessions.organization_id)
    WHERE tenant_proven;
