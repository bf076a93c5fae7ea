-- Reads the definition of the saga $1 in the version $2.
-- Locks: none. Index: saga_definitions_primary_key.
select definition
from saga_definitions
where require_primary() and name = $1::text and version = $2::text
