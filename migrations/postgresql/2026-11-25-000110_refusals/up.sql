-- What tells of sign-ins that came to nothing is forgotten after a while: anybody can cause it.

CREATE INDEX audit_events_refusals ON audit_events (organization_id, at)
    WHERE action IN ('sign_in.failed', 'sign_in.refused', 'logout.refused');
