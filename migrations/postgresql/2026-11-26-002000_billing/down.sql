DROP TABLE invoices;
DROP TABLE billing_events;
DROP TABLE billing_operations;
DROP TABLE checkouts;
DROP TABLE subscriptions;
