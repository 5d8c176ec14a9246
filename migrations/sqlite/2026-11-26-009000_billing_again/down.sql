ALTER TABLE billing_operations DROP COLUMN leased_until;
DROP INDEX checkouts_asked_at;
ALTER TABLE checkouts DROP COLUMN asked_at;
DROP INDEX subscriptions_compare_at;
CREATE INDEX subscriptions_reconciled_at ON subscriptions (reconciled_at);
ALTER TABLE subscriptions DROP COLUMN compare_at;
ALTER TABLE subscriptions DROP COLUMN orders;
