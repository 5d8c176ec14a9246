-- An admin has declined the request, which keeps the person out for a while.

ALTER TABLE join_requests ADD COLUMN declined_at BIGINT;
