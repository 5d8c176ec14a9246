-- What an organization buys its seats by: one subscription at most. quantity and plan are what the provider has;
-- the seats that may be used are the ledger's (organization_usage).
CREATE TABLE subscriptions (
    organization_id uuid NOT NULL PRIMARY KEY REFERENCES organizations (id) ON DELETE CASCADE,
    -- local, stripe.
    provider TEXT COLLATE "C" NOT NULL,
    -- The provider's names; the subscription's item is what a quantity is set on.
    customer TEXT COLLATE "C",
    subscription TEXT COLLATE "C",
    item TEXT COLLATE "C",
    plan TEXT COLLATE "C" NOT NULL,
    quantity BIGINT NOT NULL,
    -- What was decided and the provider has not confirmed yet.
    wanted_plan TEXT COLLATE "C",
    wanted_quantity BIGINT,
    -- active, past_due, canceled.
    state TEXT COLLATE "C" NOT NULL,
    cancels BOOLEAN NOT NULL,
    anchor_at BIGINT NOT NULL,
    period_start BIGINT NOT NULL,
    period_end BIGINT NOT NULL,
    -- local: the test card, what is owed to the customer, and when a declined payment is tried again.
    card TEXT COLLATE "C",
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
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    -- subscription, card.
    purpose TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    plan TEXT COLLATE "C" NOT NULL,
    seats BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    customer TEXT COLLATE "C",
    session TEXT COLLATE "C",
    url TEXT COLLATE "C",
    -- open, completed, expired, superseded.
    state TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    completed_at BIGINT,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX checkouts_open ON checkouts (organization_id, purpose) WHERE state = 'open';

-- What the provider is to be asked: written with the decision, done by a job. The id is the idempotency key.
CREATE TABLE billing_operations (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    payload TEXT COLLATE "C" NOT NULL,
    -- waiting, done, failed.
    state TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    last_error TEXT COLLATE "C",
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX billing_operations_due ON billing_operations (due_at) WHERE state = 'waiting';
CREATE INDEX billing_operations_waiting ON billing_operations (organization_id, id) WHERE state = 'waiting';
CREATE INDEX billing_operations_finished_at ON billing_operations (finished_at) WHERE finished_at IS NOT NULL;

-- Events of the provider that were taken: each counts once.
CREATE TABLE billing_events (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX billing_events_received_at ON billing_events (received_at);

-- Our own, and what is known of the provider's. key: what an invoice is for, or the provider's id; it is written once.
CREATE TABLE invoices (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    key TEXT COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    number TEXT COLLATE "C",
    -- open, paid, void.
    state TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    period_start BIGINT NOT NULL,
    period_end BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    paid_at BIGINT,
    url TEXT COLLATE "C",
    PRIMARY KEY (organization_id, key)
);
CREATE INDEX invoices_id ON invoices (organization_id, id);
