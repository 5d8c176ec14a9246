-- Invitations that are over are forgotten after a time.
CREATE INDEX invitations_ended ON invitations (organization_id, ended_at, id) WHERE ended_at IS NOT NULL;
