DROP INDEX audit_events_untold;
ALTER TABLE audit_events DROP COLUMN untold;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_endpoints;
