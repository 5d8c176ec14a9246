DROP INDEX one_time_links_setup;
