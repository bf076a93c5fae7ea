-- Deletes the tickets past their retention $3 among the next $4 ones after claim $2, under the lease $1 of their duty. is_held
-- is false where the lease is not valid, and then nothing is deleted. last_id is the last one that was looked at; null at the
-- end.
-- Locks: the row of the duty, and the deleted tickets. Indexes: duties_primary_key, tickets_primary_key.
select is_held, deleted, last_id
from delete_old_tickets($1::bigint, $2::uuid, $3::integer, $4::integer)
