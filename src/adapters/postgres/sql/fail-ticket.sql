-- Stores that the ticket of claim $1, accepted at $2, has failed with the problem $3, unless it has a final state. Past the
-- retention $4 nothing is stored.
-- Locks: none. Index: tickets_primary_key.
select from end_ticket($1::uuid, $2::bigint, 'ticket_failed', $3::jsonb, $4::integer)
