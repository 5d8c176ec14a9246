DROP INDEX members_managers;
