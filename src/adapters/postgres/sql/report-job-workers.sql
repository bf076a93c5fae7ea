-- Writes down that the workers $1 are alive.
-- Locks: their rows. Indexes: job_workers_primary_key.
insert into job_workers (worker_id, seen_at)
select worker_id, clock_timestamp() from unnest($1::text[]) worker_id
on conflict on constraint job_workers_primary_key do update set seen_at = excluded.seen_at
