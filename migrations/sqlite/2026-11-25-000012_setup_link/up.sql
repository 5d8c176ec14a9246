-- There is one setup link at a time: a new one takes the place of the old one.
CREATE UNIQUE INDEX one_time_links_setup ON one_time_links (purpose) WHERE purpose = 'setup';
