ALTER TABLE join_requests DROP COLUMN declined_at;
