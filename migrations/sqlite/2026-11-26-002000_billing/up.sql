-- What an organization buys its seats by: one subscription at most. quantity and plan are what the provider has;
-- the seats that may be used are the ledger's (organization_usage).
CREATE TABLE subscriptions (
    organization_id BLOB NOT NULL PRIMARY KEY REFERENCES organizations (id) ON DELETE CASCADE,
    -- local, stripe.
    provider TEXT NOT NULL,
    -- The provider's names; the subscription's item is what a quantity is set on.
    customer TEXT,
    subscription TEXT,
    item TEXT,
    plan TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    -- What was decided and the provider has not confirmed yet.
    wanted_plan TEXT,
    wanted_quantity BIGINT,
    -- active, past_due, canceled.
    state TEXT NOT NULL,
    cancels BOOLEAN NOT NULL,
    anchor_at BIGINT NOT NULL,
    period_start BIGINT NOT NULL,
    period_end BIGINT NOT NULL,
    -- local: the test card, what is owed to the customer, and when a declined payment is tried again.
    card TEXT,
    credit BIGINT NOT NULL,
    retry_at BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    reconciled_at BIGINT NOT NULL
);
CREATE INDEX subscriptions_subscription ON subscriptions (subscription) WHERE subscription IS NOT NULL;
CREATE INDEX subscriptions_period_end ON subscriptions (period_end) WHERE provider = 'local';
CREATE INDEX subscriptions_reconciled_at ON subscriptions (reconciled_at);

-- Checkouts: begun, paid once, or gone.
CREATE TABLE checkouts (
    organization_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id BLOB NOT NULL,
    -- subscription, card.
    purpose TEXT NOT NULL,
    provider TEXT NOT NULL,
    plan TEXT NOT NULL,
    seats BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    customer TEXT,
    session TEXT,
    url TEXT,
    -- open, completed, expired, superseded.
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    completed_at BIGINT,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX checkouts_open ON checkouts (organization_id, purpose) WHERE state = 'open';

-- What the provider is to be asked: written with the decision, done by a job. The id is the idempotency key.
CREATE TABLE billing_operations (
    organization_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    -- waiting, done, failed.
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    last_error TEXT,
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX billing_operations_due ON billing_operations (due_at) WHERE state = 'waiting';
CREATE INDEX billing_operations_waiting ON billing_operations (organization_id, id) WHERE state = 'waiting';
CREATE INDEX billing_operations_finished_at ON billing_operations (finished_at) WHERE finished_at IS NOT NULL;

-- Events of the provider that were taken: each counts once.
CREATE TABLE billing_events (
    organization_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX billing_events_received_at ON billing_events (received_at);

-- Our own, and what is known of the provider's. key: what an invoice is for, or the provider's id; it is written once.
CREATE TABLE invoices (
    organization_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    id BLOB NOT NULL,
    number TEXT,
    -- open, paid, void.
    state TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    description TEXT NOT NULL,
    period_start BIGINT NOT NULL,
    period_end BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    paid_at BIGINT,
    url TEXT,
    PRIMARY KEY (organization_id, key)
);
CREATE INDEX invoices_id ON invoices (organization_id, id);
