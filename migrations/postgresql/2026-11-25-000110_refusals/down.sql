DROP INDEX audit_events_refusals;
