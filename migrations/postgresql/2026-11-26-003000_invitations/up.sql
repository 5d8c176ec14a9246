-- Invitations (product.md §4). secret_hash: of the link that works, and once it is over of the last one.
CREATE TABLE invitations (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    -- As people write it, and its key.
    address TEXT COLLATE "C" NOT NULL,
    address_key TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C",
    -- Who invites: as the audit trail calls them, and what the mail says.
    inviter TEXT COLLATE "C" NOT NULL,
    inviter_name TEXT COLLATE "C",
    -- pending, accepted, revoked, expired.
    state TEXT COLLATE "C" NOT NULL,
    -- Whether it is one of seats_pending: not once a member has the seat.
    holds_seat BOOLEAN NOT NULL,
    secret_hash bytea NOT NULL,
    -- The latest of its mails in the outbox.
    mail_id uuid,
    sent_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When somebody last asked for a link of it.
    sent_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- When it was accepted, revoked or expired, and who is the member by it.
    ended_at BIGINT,
    member_id uuid,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT only_pending_hold_seats CHECK (NOT holds_seat OR state = 'pending')
);
CREATE UNIQUE INDEX invitations_pending ON invitations (organization_id, address_key) WHERE state = 'pending';
CREATE UNIQUE INDEX invitations_secret ON invitations (secret_hash);
CREATE INDEX invitations_state ON invitations (organization_id, state, id);
CREATE INDEX invitations_due ON invitations (expires_at) WHERE state = 'pending';

-- The address the session has proven, by the rule for addresses: NULL where nothing proves one.
ALTER TABLE sessions ADD COLUMN proven_address TEXT COLLATE "C";
