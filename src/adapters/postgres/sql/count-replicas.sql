-- Counts the replicas that follow this server now. A role without rights to the statistics sees that they are there, but not
-- their state; a backup that is being taken counts as one.
-- Locks: none.
select count(*)::integer as replicas
from pg_stat_replication
where state is null or state in ('streaming', 'catchup')
