-- How often seats or plan were decided: of two orders on their way the one that was decided last counts. And when the
-- subscription is compared with the provider's next.
ALTER TABLE subscriptions ADD COLUMN orders BIGINT NOT NULL DEFAULT 0;
ALTER TABLE subscriptions ADD COLUMN compare_at BIGINT NOT NULL DEFAULT 0;
DROP INDEX subscriptions_reconciled_at;
CREATE INDEX subscriptions_compare_at ON subscriptions (compare_at, organization_id) WHERE state <> 'canceled';

-- When the provider was last asked whether a checkout is paid.
ALTER TABLE checkouts ADD COLUMN asked_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX checkouts_asked_at ON checkouts (asked_at) WHERE state = 'open' AND session IS NOT NULL;

-- Until when a process is at it that has taken the operation: of one organization one is asked at a time.
ALTER TABLE billing_operations ADD COLUMN leased_until BIGINT NOT NULL DEFAULT 0;
