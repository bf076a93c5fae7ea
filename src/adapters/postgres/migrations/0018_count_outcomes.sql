-- why: operators see the claims and refusals of one sale for each second, of all processes, and some minutes back
-- compatible: yes

-- What one process has answered to claims of one coupon in one second of the database's clock. Not logged: after a crash of the
-- server these counts are gone, and nothing else. A second may have several rows of a process. coupon_id 0: claims that were
-- refused before their body was read.
create unlogged table outcome_seconds (
  coupon_id bigint not null,
  second bigint not null,
  -- How many claims got each outcome or error code.
  outcomes jsonb not null,
  -- How many answers took how long, by the bucket of core/outcomes/answer-times.ts.
  times integer[] not null,
  -- Claims that waited in the process at the end of the second.
  waiting integer not null,
  -- The units left when the row was stored. Null: the row was stored too late to say that of this second, or has no coupon.
  remaining_amount integer,
  -- Of several rows of a second the last one has its remaining_amount.
  stored_at timestamptz not null default clock_timestamp()
);
alter table outcome_seconds alter column coupon_id set (n_distinct = 1);
create index outcome_seconds_by_coupon on outcome_seconds (coupon_id, second);
create index outcome_seconds_by_time on outcome_seconds (second);

-- Seconds of which some counts are missing, of all coupons. One row has first_second 0: before its last_second nothing is known.
-- Without that row nothing is known at all, as after a crash.
create unlogged table outcome_gaps (
  first_second bigint not null,
  last_second bigint not null
);

-- Says from when on the counts are known, where nothing says it yet. Returns the clock in milliseconds.
create function begin_outcomes() returns double precision
language plpgsql as $$
declare
  clock_ms constant double precision := extract(epoch from clock_timestamp()) * 1000;
begin
  if not exists (select from outcome_gaps g where g.first_second = 0) then
    insert into outcome_gaps (first_second, last_second) values (0, floor(clock_ms / 1000)::bigint);
  end if;
  return clock_ms;
end
$$;

-- Deletes up to in_slice rows that are older than in_retention_seconds, under the lease of the duty ticket_retention. is_held is
-- false where the lease is not valid, and then nothing is deleted.
create function delete_old_outcomes(in_epoch bigint, in_retention_seconds integer, in_slice integer)
returns table (is_held boolean, deleted integer)
language plpgsql
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  kept_from constant bigint := floor(extract(epoch from clock_timestamp()))::bigint - in_retention_seconds;
begin
  is_held := holds_duty('ticket_retention', in_epoch);
  if is_held then
    delete from outcome_seconds o where o.ctid = any (array(
      select s.ctid from outcome_seconds s where s.second < kept_from order by s.second limit in_slice
    ));
    get diagnostics deleted = row_count;
    delete from outcome_gaps g where g.last_second < kept_from and g.first_second > 0;
  end if;
  return next;
end
$$;
