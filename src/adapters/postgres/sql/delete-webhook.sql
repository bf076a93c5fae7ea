-- Deletes the webhook $1, and ends the relay with the last one. False: there is none.
-- Locks: the row of the relay's duty, in turn with its slices. Index: webhooks_primary_key.
select delete_webhook($1::uuid, $2::text, $3::text) as is_deleted
