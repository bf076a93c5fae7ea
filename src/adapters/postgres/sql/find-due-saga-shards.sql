-- Reads the shards from 0 to $1 that have a saga which is due.
-- Locks: none. Index: sagas_due.
select shard
from due_saga_shards($1::integer) shard
where require_primary()
order by shard
