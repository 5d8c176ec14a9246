-- Old refusals are forgotten in all trails at once.
DROP INDEX audit_events_refusals;

CREATE INDEX audit_events_refusals ON audit_events (at)
    WHERE action IN ('sign_in.failed', 'sign_in.refused', 'logout.refused');
