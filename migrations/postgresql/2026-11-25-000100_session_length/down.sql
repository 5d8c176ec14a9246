ALTER TABLE organizations DROP COLUMN session_length;
