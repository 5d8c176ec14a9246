-- Endpoints that are told what happens in their organization. secret: encrypted, and so is the one before it, which
-- signs too for a while.
CREATE TABLE webhook_endpoints (
    organization_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id BLOB NOT NULL,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    -- Types with spaces between; empty for all.
    events TEXT NOT NULL,
    secret BLOB NOT NULL,
    old_secret BLOB,
    old_secret_until BIGINT,
    -- enabled, disabled.
    state TEXT NOT NULL,
    reason TEXT,
    failing_since BIGINT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (organization_id, id)
);

-- What an endpoint is told, once for each event.
CREATE TABLE webhook_deliveries (
    organization_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id BLOB NOT NULL,
    endpoint_id BLOB NOT NULL,
    -- The audit event; NULL for a test.
    event_id BLOB,
    type TEXT NOT NULL,
    payload TEXT NOT NULL,
    -- waiting, delivered, failed.
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    attempted_at BIGINT,
    -- Of the last answer.
    status BIGINT,
    error TEXT,
    response TEXT,
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (organization_id, endpoint_id, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at, id) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_created_at ON webhook_deliveries (created_at);

-- The audit trail is what webhooks are told from: marked in the statement that writes an event, where the
-- organization has an endpoint.
ALTER TABLE audit_events ADD COLUMN untold BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX audit_events_untold ON audit_events (id) WHERE untold;
