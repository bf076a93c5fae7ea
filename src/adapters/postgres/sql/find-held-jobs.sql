-- Reads the jobs that workers hold, in the schema of the library that runs them.
-- Locks: none. Indexes: none. Jobs are few: one for each shard of sagas, and for each webhook with something due.
select id::text as job_id, attempts, locked_by as worker_id from jobs where locked_by is not null order by id
