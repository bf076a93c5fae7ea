-- Stores the secret $1 for the ids of tickets if there is none, and returns the one that is stored.
-- Locks: none. Index: ticket_secret_primary_key.
select keep_ticket_secret($1::bytea) as secret
