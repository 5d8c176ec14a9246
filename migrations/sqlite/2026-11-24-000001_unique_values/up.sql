-- Values of extension attributes that are unique in the organization (RFC 7643 §7 "uniqueness").
CREATE TABLE unique_values (
    organization_id BLOB NOT NULL,
    attribute TEXT NOT NULL,
    value_key TEXT NOT NULL,
    resource_id BLOB NOT NULL,
    PRIMARY KEY (organization_id, attribute, value_key)
) WITHOUT ROWID;
