-- Counts the replicas that follow this server now, without the receivers of logical replication. A role without rights to the
-- statistics sees that a replica is there, but not its state; a backup that is being taken counts as one.
-- Locks: none.
select count(*)::integer as replicas
from pg_stat_replication r
where (state is null or state in ('streaming', 'catchup'))
  and not exists (select from pg_replication_slots s where s.active_pid = r.pid and s.slot_type = 'logical')
