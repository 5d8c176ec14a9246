-- Mail on its way: written with what it tells of, delivered by a job. letter: encrypted, and gone once it is delivered.
CREATE TABLE outbox (
    id BLOB NOT NULL PRIMARY KEY,
    -- What the mail is about: written twice, it is one mail.
    dedup_key TEXT NOT NULL CONSTRAINT outbox_dedup_key UNIQUE,
    organization_id BLOB,
    kind TEXT NOT NULL,
    -- The key of an address.
    recipient TEXT NOT NULL,
    letter BLOB NOT NULL,
    -- waiting, sent, dead.
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- From when on it would tell nothing that is still true, and from when on the row is of no use.
    expires_at BIGINT NOT NULL,
    kept_until BIGINT NOT NULL,
    last_error TEXT
) WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (due_at) WHERE state = 'waiting';
CREATE INDEX outbox_recipient ON outbox (recipient, kind, created_at);
CREATE INDEX outbox_organization ON outbox (organization_id, created_at) WHERE organization_id IS NOT NULL;
CREATE INDEX outbox_kept_until ON outbox (kept_until);
