-- What was asked and answered, without secrets; the answer to a write that succeeded is what is there after it.
ALTER TABLE provisioning_log ADD COLUMN token_name TEXT COLLATE "C";
ALTER TABLE provisioning_log ADD COLUMN query TEXT COLLATE "C";
ALTER TABLE provisioning_log ADD COLUMN request TEXT COLLATE "C";
ALTER TABLE provisioning_log ADD COLUMN response TEXT COLLATE "C";

-- Whom an entry names that its resource does not tell: who was not made, who is no more, who was called otherwise.
CREATE TABLE provisioning_log_names (
    organization_id uuid NOT NULL,
    log_id uuid NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (organization_id, log_id, name_key)
);
CREATE INDEX provisioning_log_names_key ON provisioning_log_names (organization_id, name_key, log_id);
