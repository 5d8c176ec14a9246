-- How long sessions of an organization's members last at most, in microseconds; NULL: as the service says.

ALTER TABLE organizations ADD COLUMN session_length BIGINT;
