-- Reads those of the workers $1 that are not on the list of workers.
-- Locks: none. Index: job_workers_primary_key.
select worker_id from unnest($1::text[]) as given (worker_id)
where require_primary()
  and not exists (select from job_workers w where w.worker_id = given.worker_id collate "C")
order by worker_id
