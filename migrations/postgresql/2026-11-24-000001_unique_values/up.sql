-- Values of extension attributes that are unique in the organization (RFC 7643 §7 "uniqueness").
CREATE TABLE unique_values (
    organization_id uuid NOT NULL,
    attribute TEXT COLLATE "C" NOT NULL,
    value_key TEXT COLLATE "C" NOT NULL,
    resource_id uuid NOT NULL,
    PRIMARY KEY (organization_id, attribute, value_key)
);
