-- What the recovery codes of a member opened ends with the member's sessions.

CREATE INDEX sessions_recovers ON sessions (organization_id, recovers_id) WHERE recovers_id IS NOT NULL;
