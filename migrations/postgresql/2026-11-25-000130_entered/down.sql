ALTER TABLE members DROP COLUMN entered;
