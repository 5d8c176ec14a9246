-- What was asked and answered, without secrets; the answer to a write that succeeded is what is there after it.
ALTER TABLE provisioning_log ADD COLUMN token_name TEXT;
ALTER TABLE provisioning_log ADD COLUMN query TEXT;
ALTER TABLE provisioning_log ADD COLUMN request TEXT;
ALTER TABLE provisioning_log ADD COLUMN response TEXT;

-- Whom an entry names that its resource does not tell: who was not made, who is no more, who was called otherwise.
CREATE TABLE provisioning_log_names (
    organization_id BLOB NOT NULL,
    log_id BLOB NOT NULL,
    name_key TEXT NOT NULL,
    PRIMARY KEY (organization_id, log_id, name_key)
) WITHOUT ROWID;
CREATE INDEX provisioning_log_names_key ON provisioning_log_names (organization_id, name_key, log_id);
