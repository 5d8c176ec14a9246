DROP INDEX invitations_ended;
