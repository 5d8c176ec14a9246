DROP INDEX sessions_recovers;
