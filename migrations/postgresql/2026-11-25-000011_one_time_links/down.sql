DROP INDEX members_by_operator;
DROP TABLE one_time_links;
