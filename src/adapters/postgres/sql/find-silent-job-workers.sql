-- Reads the ids of workers that have been silent for more than $1 milliseconds.
-- Locks: none. Index: job_workers_primary_key. Workers are few.
select worker_id from job_workers
where require_primary() and seen_at < clock_timestamp() - $1::integer * interval '1 millisecond'
order by worker_id
