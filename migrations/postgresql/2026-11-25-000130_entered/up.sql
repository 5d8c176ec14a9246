-- How often somebody has come in as the member: who takes the access away must have seen each time.

ALTER TABLE members ADD COLUMN entered BIGINT NOT NULL DEFAULT 0;
