DROP INDEX organizations_deleted_at;
ALTER TABLE organizations DROP COLUMN deleted_from;
DROP TABLE idempotency_keys;
