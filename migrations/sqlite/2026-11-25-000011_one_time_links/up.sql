-- Links that work once: to sign in with the address they were mailed to, and the founder's.
CREATE TABLE one_time_links (
    hash BLOB NOT NULL PRIMARY KEY,
    -- sign_in or setup
    purpose TEXT NOT NULL,
    address_key TEXT,
    organization_id BLOB,
    return_to TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX one_time_links_address ON one_time_links (address_key) WHERE address_key IS NOT NULL;
CREATE INDEX one_time_links_expiry ON one_time_links (expires_at);

-- Whom the operator made a member, and who has not signed in yet.
CREATE INDEX members_by_operator ON members (address_key) WHERE source = 'operator' AND identity_id IS NULL;
