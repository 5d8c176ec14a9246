-- Whom an organization's letters go to, without a look at everybody else.
CREATE INDEX members_managers ON members (organization_id, id) WHERE role IN ('owner', 'admin');
