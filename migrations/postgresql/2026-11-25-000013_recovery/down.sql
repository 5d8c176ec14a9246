ALTER TABLE sessions DROP COLUMN recovers_id;
DROP TABLE proven_sign_ins;
DROP TABLE recovery_codes;
