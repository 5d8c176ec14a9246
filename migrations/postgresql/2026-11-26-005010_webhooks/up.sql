-- Endpoints that are told what happens in their organization. secret: encrypted, and so is the one before it, which
-- signs too for a while.
CREATE TABLE webhook_endpoints (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    url TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    -- Types with spaces between; empty for all.
    events TEXT COLLATE "C" NOT NULL,
    secret bytea NOT NULL,
    old_secret bytea,
    old_secret_until BIGINT,
    -- enabled, disabled.
    state TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C",
    failing_since BIGINT,
    created_by TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (organization_id, id)
);

-- What an endpoint is told, once for each event.
CREATE TABLE webhook_deliveries (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    -- The audit event; NULL for a test.
    event_id uuid,
    type TEXT COLLATE "C" NOT NULL,
    payload TEXT COLLATE "C" NOT NULL,
    -- waiting, delivered, failed.
    state TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    attempted_at BIGINT,
    -- Of the last answer.
    status BIGINT,
    error TEXT COLLATE "C",
    response TEXT COLLATE "C",
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (organization_id, endpoint_id, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at, id) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_created_at ON webhook_deliveries (created_at);

-- The audit trail is what webhooks are told from: marked in the statement that writes an event, where the
-- organization has an endpoint.
ALTER TABLE audit_events ADD COLUMN untold BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX audit_events_untold ON audit_events (id) WHERE untold;
