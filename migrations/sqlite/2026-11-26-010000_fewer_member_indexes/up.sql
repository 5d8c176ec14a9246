-- The list of all members in the order of names or addresses is put together of the places it is narrowed by: a new User
-- is entered in two indexes less.
DROP INDEX members_by_name;
DROP INDEX members_by_email;
