-- why: one node at a time runs a duty, and a node that was paused past its lease writes nothing when it resumes
-- compatible: yes

-- One row for each duty. A lease is valid until expires_at by this server's clock. The epoch rises with each holder, so
-- that every write can check that its lease is still the last one.
create table duties (
  name text collate "C" not null constraint duties_primary_key primary key,
  epoch bigint not null default 0
    constraint duties_epoch_at_least_zero check (epoch >= 0),
  node text
    constraint duties_node_length check (char_length(node) between 1 and 255),
  held_since timestamptz,
  expires_at timestamptz,
  constraint duties_held_by_a_node check (
    (node is null) = (held_since is null) and (node is null) = (expires_at is null)
  )
)
-- Each renewal updates a row once. Room on its page keeps that update off the index.
with (fillfactor = 50);
insert into duties (name) values ('stock_check'), ('expiry_sweep');

-- Whether this lease is valid. It stays so until the end of the caller's transaction, since no other process can acquire
-- or end it meanwhile. Every write of a duty calls this first, in its own transaction.
create function holds_duty(in_name text, in_epoch bigint) returns boolean
language plpgsql
set enable_seqscan = off
as $$
begin
  perform from duties d
  where d.name = in_name and d.epoch = in_epoch and d.expires_at > clock_timestamp()
  for share;
  return found;
end
$$;

-- The expiry sweep finds the coupons with holds here that end by time. No update of a coupon changes what it names.
create index coupons_with_holds on coupons (id) where hold_seconds is not null and saga is null;

-- What the sweep found of one coupon. row_ids and positions are of the holds to release; expiry_position is how far no claim
-- is reserved any more.
create type swept_coupon as (
  coupon_id bigint,
  batch_id uuid,
  decision_time timestamptz,
  ledger_seq bigint,
  remaining_after integer,
  row_ids tid[],
  positions integer[],
  expiry_position integer,
  has_more boolean
);

-- Releases expired holds of these coupons under the lease of the expiry sweep, and records those of each coupon as a batch,
-- with the id at the same place of in_batch_ids.
-- It walks over in_slice claims, the same number for each coupon. Returns one row for each coupon that was swept. If the lease
-- is not valid it returns a single row, in which is_held is false, and writes nothing.
-- A single coupon is waited for. Of several, those that are locked now are left out, so that no coupon waits while another
-- one is locked here. All coupons share each statement, so many coupons with a hold each cost little more than one coupon
-- with many.
create function sweep_due_coupons(
  in_epoch bigint, in_coupon_ids bigint[], in_batch_ids uuid[], in_slice integer
) returns table (is_held boolean, coupon_id bigint, released integer, has_more boolean)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  ids bigint[];
  claims_max integer;
  swept swept_coupon[];
begin
  is_held := holds_duty('expiry_sweep', in_epoch);
  if not is_held then
    return next;
    return;
  end if;

  if cardinality(in_coupon_ids) = 1 then
    select array[c.id] into ids from coupons c where c.id = in_coupon_ids[1] for update;
  else
    select array_agg(c.id) into ids
    from unnest(in_coupon_ids) asked (id)
    cross join lateral (select from coupons c where c.id = asked.id for update skip locked) locked
    cross join lateral (select asked.id) c;
  end if;
  claims_max := greatest(in_slice / greatest(cardinality(ids), 1), 1);

  -- A statement of its own: it sees all that was committed before the locks were granted.
  select array_agg(
    row(
      coupon.id, in_batch_ids[array_position(in_coupon_ids, coupon.id)], coupon.decision_time, coupon.ledger_seq + 1,
      coupon.remaining_amount + coalesce(cardinality(walk.positions), 0), walk.row_ids, walk.positions,
      coalesce(walk.last_position, coupon.expiry_position), walk.has_more
    )::swept_coupon
  )
  into swept
  from unnest(ids) asked (id)
  cross join lateral (
    select c.*, greatest(clock_timestamp(), c.decided_at) as decision_time
    from coupons c where c.id = asked.id and c.hold_seconds is not null and c.saga is null
    limit 1
  ) coupon
  cross join lateral (
    select
      max(w.position) filter (where w.is_passed) as last_position,
      array_agg(w.row_id) filter (where w.is_passed and w.is_due) as row_ids,
      array_agg(w.position order by w.position) filter (where w.is_passed and w.is_due) as positions,
      coalesce(bool_or(w.nth > claims_max and not w.is_stopped), false) as has_more
    from (
      select along.*, along.nth <= claims_max and not along.is_stopped as is_passed
      from (
        select c.row_id, c.position, c.expires_at is not null as is_due, row_number() over so_far as nth,
          -- A hold that is in time: those behind it end later.
          coalesce(bool_or(c.expires_at > coupon.decision_time) over so_far, false) as is_stopped
        from (
          select claims.ctid as row_id, claims.position, claims.expires_at from claims
          where claims.coupon_id = coupon.id and claims.position > coupon.expiry_position
          order by claims.position
          -- One more shows whether there is more to do.
          limit claims_max + 1
        ) c
        window so_far as (order by c.position)
      ) along
    ) w
  ) walk;

  with gone as (
    delete from claims c
    where c.ctid = any (array(select unnest(s.row_ids) from unnest(swept) s))
    returning c.coupon_id, c.position, c.user_id, c.claim_id, c.claimed_at, c.idempotency_key, c.confirmed_at
  )
  insert into released_claims
    (coupon_id, position, user_id, claim_id, claimed_at, idempotency_key, confirmed_at, released_at, reason, is_final)
  select gone.*, s.decision_time, 'expired', false
  from unnest(swept) s join gone on gone.coupon_id = s.coupon_id;

  -- The walk advances also where it releases nothing.
  update coupons c
  set remaining_amount = s.remaining_after, decided_at = s.decision_time, expiry_position = s.expiry_position,
    returned_units = c.returned_units + coalesce(cardinality(s.positions), 0),
    ledger_seq = case when s.positions is null then c.ledger_seq else s.ledger_seq end
  from unnest(swept) s
  where c.id = s.coupon_id and s.expiry_position > c.expiry_position;

  insert into stock_ledger
    (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at, returned_units,
     changed_positions, changes)
  select s.coupon_id, s.ledger_seq, s.batch_id, 'mixed', 0, null, s.remaining_after, s.decision_time,
    cardinality(s.positions), s.positions, array_fill('E'::"char", array[cardinality(s.positions)])
  from unnest(swept) s
  where s.positions is not null;

  return query
    select true, s.coupon_id, coalesce(cardinality(s.positions), 0), s.has_more from unnest(swept) s;
end
$$;
