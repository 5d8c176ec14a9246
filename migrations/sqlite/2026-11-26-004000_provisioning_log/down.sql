DROP TABLE provisioning_log_names;
ALTER TABLE provisioning_log DROP COLUMN response;
ALTER TABLE provisioning_log DROP COLUMN request;
ALTER TABLE provisioning_log DROP COLUMN query;
ALTER TABLE provisioning_log DROP COLUMN token_name;
