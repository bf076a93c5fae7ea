-- Stores how the sagas $1 go on under the epochs $2, each with the step that has ended. Returns the places, from 1, of those
-- whose epoch counts, and whether their undo is asked for. Nothing is stored of the others.
-- Locks: the rows of the sagas, in order of their ids. Indexes: sagas_primary_key, saga_steps_primary_key.
select place::integer, is_undo_asked
from record_sagas(
  $1::text[]::uuid[], $2::text[]::bigint[], $3::text[]::"char"[], $4::boolean[], $5::integer[], $6::integer[],
  $7::text[]::bigint[], $8::text[], $9::integer[], $10::text[]::"char"[], $11::integer[], $12::integer[], $13::text[]
)
