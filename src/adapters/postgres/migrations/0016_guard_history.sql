-- why: a server that lacks batches whose claims were acknowledged is found, and stops all processes until an operator accepts it
-- compatible: yes

alter table operator_log
  drop constraint operator_log_action_known,
  add constraint operator_log_action_known check (
    action in (
      'create_coupon', 'change_coupon', 'archive_coupon', 'unarchive_coupon', 'add_stock', 'release_claim',
      'create_webhook', 'delete_webhook', 'rotate_webhook_secret', 'enable_webhook', 'retry_saga',
      'resolve_saga', 'redrive_dead_letter', 'discard_dead_letter', 'accept_history'
    )
  );

-- Batches that a process had acknowledged and that this server did not have when the process reached it. While one of them is
-- not accepted, every process refuses all calls.
create table lost_batches (
  batch_id uuid not null constraint lost_batches_primary_key primary key,
  coupon_name text collate "C" not null,
  -- How many claims, and how many changes of claims, were acknowledged.
  claims integer not null,
  changes integer not null,
  -- The last of these claims, or of those that were changed. claim_id is null in a batch without a claim.
  user_id text collate "C" not null,
  "position" integer not null,
  claim_id uuid,
  -- By the clock of the process that acknowledged it.
  acknowledged_at timestamptz not null,
  found_at timestamptz not null,
  -- Host and process id of the process that found it.
  found_by text not null,
  accepted_at timestamptz,
  constraint lost_batches_acknowledge_something check (claims >= 0 and changes >= 0 and claims + changes > 0)
);
create index lost_batches_not_accepted on lost_batches (found_at) where accepted_at is null;

-- Distinguishes this run of this server: the identifier of its cluster, its timeline, and when it was started. A promotion, a
-- recovery to a point in time, a restored copy and a restart each change it. Null on a standby. What the role has no right to
-- read is left out.
create function server_identity() returns text
language plpgsql stable as $$
declare
  cluster_id text := 'unknown';
  timeline text := 'unknown';
begin
  if pg_is_in_recovery() then
    return null;
  end if;
  begin
    select system_identifier into cluster_id from pg_control_system();
  exception when insufficient_privilege then null;
  end;
  begin
    -- The first eight digits of the name are the timeline.
    timeline := left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
  exception when insufficient_privilege then null;
  end;
  return concat_ws('/', cluster_id, timeline, extract(epoch from pg_postmaster_start_time()));
end
$$;

-- Whether a loss was found here that no operator has accepted.
create function is_history_lost() returns boolean
language plpgsql stable
set enable_seqscan = off
as $$
begin
  return exists (select from lost_batches b where b.accepted_at is null);
end
$$;

-- Which of these acknowledged batches are missing here, as places counted from 1: the batch is not in the ledger, and its last
-- claim, where it has one, is not stored either. The batch of a claim with a ticket, or of one that was sent again after a lost
-- answer, may have an earlier id. A loss that was accepted does not count.
create function find_missing_batches(in_batch_ids uuid[], in_coupon_names text[], in_positions integer[], in_claim_ids uuid[])
returns setof integer
language plpgsql stable
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
    select asked.place::integer
    from unnest(in_batch_ids, in_coupon_names, in_positions, in_claim_ids)
      with ordinality asked (batch_id, coupon_name, "position", claim_id, place)
    where (select true from stock_ledger l where l.batch_id = asked.batch_id and l.kind <> 'void') is null
      and (
        select true from coupons c join claims k on k.coupon_id = c.id and k.position = asked.position
        where c.name = asked.coupon_name and k.claim_id = asked.claim_id
      ) is null
      and (
        select true from coupons c join released_claims r on r.coupon_id = c.id and r.position = asked.position
        where c.name = asked.coupon_name and r.claim_id = asked.claim_id
      ) is null
      and (select b.accepted_at from lost_batches b where b.batch_id = asked.batch_id) is null
    order by asked.place;
end
$$;

-- Accepts the losses that were found up to this time, and logs them, one entry for each coupon. Returns how many batches that
-- were. Those found later stay.
create function accept_lost_batches(in_found_until timestamptz, in_actor text, in_request_id text) returns integer
language plpgsql
set enable_seqscan = off
as $$
declare
  accepted integer;
begin
  with accepted_now as (
    update lost_batches b set accepted_at = clock_timestamp()
    where b.accepted_at is null and b.found_at <= in_found_until
    returning b.*
  ),
  logged as (
    insert into operator_log (at, actor, action, coupon_name, before, request_id)
    select min(a.accepted_at), in_actor, 'accept_history', a.coupon_name,
      jsonb_build_object(
        'lost_batches', count(*), 'lost_claims', sum(a.claims), 'lost_changes', sum(a.changes),
        'last_position', max(a.position)
      ),
      in_request_id
    from accepted_now a
    group by a.coupon_name
  )
  select count(*) into accepted from accepted_now;
  return accepted;
end
$$;
