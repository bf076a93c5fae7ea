-- Deletes the workers $1.
-- Locks: their rows. Indexes: job_workers_primary_key.
delete from job_workers where worker_id = any ($1::text[])
