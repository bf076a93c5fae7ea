-- Adds definitions of sagas: names, versions, and their JSON. A version that exists stays as it is.
-- Locks: none but of new rows. Index: saga_definitions_primary_key.
insert into saga_definitions (name, version, definition)
select name, version, definition::jsonb
from unnest($1::text[], $2::text[], $3::text[]) added (name, version, definition)
order by name, version
on conflict on constraint saga_definitions_primary_key do nothing
