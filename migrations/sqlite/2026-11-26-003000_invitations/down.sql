ALTER TABLE sessions DROP COLUMN proven_address;
DROP TABLE invitations;
