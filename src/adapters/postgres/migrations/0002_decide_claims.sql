-- why: one round trip and one commit decide a whole batch of claims under the coupon's lock
-- compatible: yes

-- The state of a coupon's sale at a moment, in the order in which the states win.
create function coupon_state(opens_at timestamptz, closes_at timestamptz, paused boolean, at timestamptz)
returns text language sql immutable parallel safe as $$
  select case
    when opens_at > at then 'scheduled'
    when paused then 'paused'
    when closes_at <= at then 'closed'
    else 'open'
  end
$$;

-- What a run of claims hears, one or more, one behind the other in their batch. Positions count up along the run.
create type claim_decision as (
  outcome text,
  claims integer,
  claim_id uuid,
  position integer,
  claimed_at timestamptz,
  opens_at timestamptz,
  opens_in_seconds integer
);

-- Decides a batch in its order and returns the decisions in that order. Everything it writes, it writes in the
-- caller's transaction. No row is returned when the coupon does not exist. The id of a claim is left out where it is
-- the one that was sent. in_users_differ tells that no user asks twice in this batch; told wrongly, the call fails with
-- unique_violation.
--
-- The plans are pinned by the settings: planned while claims is empty, a plan would scan the whole table and stay
-- cached while the table grows.
create function claim_batch(
  in_batch_id uuid,
  in_coupon_name text,
  in_user_ids text[],
  in_claim_ids uuid[],
  in_idempotency_keys text[],
  in_users_differ boolean
) returns setof claim_decision
language plpgsql
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  coupon coupons%rowtype;
  held claims%rowtype;
  decision claim_decision;
  decision_time timestamptz;
  state text;
  remaining integer;
  taken integer;
  size integer := cardinality(in_user_ids);
  -- Whether the claims that win are written by one statement.
  together boolean;
  won integer;
begin
  -- The lock comes first: what the statements below see, no other batch of this coupon can change any more.
  select * into coupon from coupons c where c.name = in_coupon_name for update;
  if not found then
    return;
  end if;

  decision_time := greatest(clock_timestamp(), coupon.decided_at);
  state := coupon_state(coupon.opens_at, coupon.closes_at, coupon.paused, decision_time);
  remaining := coupon.remaining_amount;
  taken := coupon.amount - coupon.remaining_amount;

  -- Nearly every batch of a sale that is on: there is a unit for each, and nobody asks twice. Then all who hold
  -- nothing win, in order, and one statement writes them in half the time of the loop.
  together := state = 'open' and size <= remaining and in_users_differ;
  if together then
    insert into claims (coupon_id, user_id, position, claim_id, claimed_at, idempotency_key)
    select coupon.id, asked.user_id, taken + row_number() over (order by asked.place), asked.claim_id, decision_time,
      asked.idempotency_key
    from unnest(in_user_ids, in_claim_ids, in_idempotency_keys)
      with ordinality asked (user_id, claim_id, idempotency_key, place)
    -- Each user is looked up by himself: a join, or "not exists", planned while claims is empty, would read all claims
    -- of the coupon for each batch.
    where (select true from claims c where c.coupon_id = coupon.id and c.user_id = asked.user_id) is null;
    get diagnostics won = row_count;
    remaining := remaining - won;
    if won = size then
      decision.outcome := 'claimed';
      decision.claims := won;
      decision.position := taken + 1;
      decision.claimed_at := decision_time;
      return next decision;
      size := 0;
    end if;
  end if;

  -- All others, claim by claim. Whoever has won above is found by the id of his claim.
  for i in 1 .. size loop
    decision := null;
    decision.claims := 1;

    -- The claim is inserted before stock is taken: a user who already has one stops here and costs no stock.
    if not together and state = 'open' and remaining > 0 then
      insert into claims (coupon_id, user_id, position, claim_id, claimed_at, idempotency_key)
      values (coupon.id, in_user_ids[i], taken + 1, in_claim_ids[i], decision_time, in_idempotency_keys[i])
      on conflict on constraint claims_one_per_user do nothing;
      if found then
        remaining := remaining - 1;
        taken := taken + 1;
        decision.outcome := 'claimed';
        decision.position := taken;
        decision.claimed_at := decision_time;
        return next decision;
        continue;
      end if;
    end if;

    select * into held from claims c where c.coupon_id = coupon.id and c.user_id = in_user_ids[i];
    if found then
      decision.position := held.position;
      decision.claimed_at := held.claimed_at;
      decision.outcome := case
        -- This very claim was sent before, in a batch whose answer was lost.
        when held.claim_id = in_claim_ids[i] then 'claimed'
        when held.idempotency_key = in_idempotency_keys[i] then 'replayed'
        else 'already_claimed'
      end;
      if decision.outcome <> 'claimed' then
        decision.claim_id := held.claim_id;
      end if;
    elsif state = 'scheduled' then
      decision.outcome := 'not_open';
      decision.opens_at := coupon.opens_at;
      decision.opens_in_seconds :=
        least(ceil(extract(epoch from coupon.opens_at - decision_time)), 2147483647);
    elsif state <> 'open' then
      decision.outcome := state;
    else
      decision.outcome := 'sold_out';
    end if;
    return next decision;
  end loop;

  if remaining < coupon.remaining_amount then
    update coupons c
    set remaining_amount = remaining, ledger_seq = coupon.ledger_seq + 1, decided_at = decision_time
    where c.id = coupon.id;
    insert into stock_ledger
      (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
    values
      (coupon.id, coupon.ledger_seq + 1, in_batch_id, 'claimed', coupon.remaining_amount - remaining,
       coupon.amount - coupon.remaining_amount + 1, remaining, decision_time);
  elsif state <> coupon_state(coupon.opens_at, coupon.closes_at, coupon.paused, coupon.decided_at) then
    -- The sale opened or closed since the last decision. Written down, that survives a clock that steps back.
    update coupons c set decided_at = decision_time where c.id = coupon.id;
  elsif current_setting('synchronous_standby_names') <> '' then
    -- These answers rest on rows of other transactions. A commit of our own makes them wait for the standby as well;
    -- otherwise a failover could lose a claim that was shown here.
    perform pg_logical_emit_message(true, 'firstcome', '');
  end if;
end
$$;

-- A claim that wins, with all that is written about it.
create type winning_claim as (
  place integer,
  batch_id uuid,
  coupon_id bigint,
  user_id text,
  claim_id uuid,
  idempotency_key text,
  position integer,
  claimed_at timestamptz,
  ledger_seq bigint,
  remaining_after integer
);

-- Decides a bundle: one claim of each of several coupons, each a batch of its own, in one commit. A claim that simply
-- wins is written and returned by its place in the bundle, counted from 1. All others are left undecided, nothing of
-- them is written, and claim_batch is to be asked: where the user holds the coupon, where there is no unit, no open
-- sale or no such coupon, and where somebody else has the coupon's lock, since one busy coupon must not hold up the
-- others. Nobody waits here, so bundles that lock the same coupons in different orders cannot meet in a deadlock.
create function claim_bundle(
  in_batch_ids uuid[],
  in_coupon_names text[],
  in_user_ids text[],
  in_claim_ids uuid[],
  in_idempotency_keys text[]
) returns table (place integer, "position" integer, claimed_at timestamptz)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  winners winning_claim[];
begin
  select array_agg(
    row(
      asked.place, asked.batch_id, coupon.id, asked.user_id, asked.claim_id, asked.idempotency_key,
      coupon.amount - coupon.remaining_amount + 1, coupon.decision_time, coupon.ledger_seq + 1,
      coupon.remaining_amount - 1
    )::winning_claim
  )
  into winners
  from unnest(in_batch_ids, in_coupon_names, in_user_ids, in_claim_ids, in_idempotency_keys)
    with ordinality asked (batch_id, coupon_name, user_id, claim_id, idempotency_key, place)
  cross join lateral (
    select c.*, greatest(clock_timestamp(), c.decided_at) as decision_time
    from coupons c where c.name = asked.coupon_name
    for update skip locked
  ) coupon
  where coupon.remaining_amount > 0
    and coupon_state(coupon.opens_at, coupon.closes_at, coupon.paused, coupon.decision_time) = 'open';

  -- A statement of its own: it sees every claim that was committed before the locks were granted.
  select array_agg(w) into winners
  from unnest(winners) w
  where (select true from claims c where c.coupon_id = w.coupon_id and c.user_id = w.user_id) is null;

  insert into claims (coupon_id, user_id, position, claim_id, claimed_at, idempotency_key)
  select w.coupon_id, w.user_id, w.position, w.claim_id, w.claimed_at, w.idempotency_key
  from unnest(winners) w;

  update coupons c
  set remaining_amount = w.remaining_after, ledger_seq = w.ledger_seq, decided_at = w.claimed_at
  from unnest(winners) w
  where c.id = w.coupon_id;

  insert into stock_ledger
    (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
  select w.coupon_id, w.ledger_seq, w.batch_id, 'claimed', 1, w.position, w.remaining_after, w.claimed_at
  from unnest(winners) w;

  return query select w.place, w.position, w.claimed_at from unnest(winners) w;
end
$$;

-- Makes sure that a batch whose answer was lost is settled for good. After the commit of this call the batch either
-- had committed before (returns 'claimed') or never will (returns 'void'). Returns null when the coupon does not exist.
create function void_batch(in_coupon_name text, in_batch_id uuid)
returns text
language plpgsql
set enable_seqscan = off
as $$
declare
  coupon coupons%rowtype;
  settled text;
begin
  select * into coupon from coupons c where c.name = in_coupon_name for update;
  if not found then
    return null;
  end if;
  select l.kind into settled from stock_ledger l where l.batch_id = in_batch_id;
  if found then
    return settled;
  end if;
  insert into stock_ledger
    (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
  values
    (coupon.id, coupon.ledger_seq + 1, in_batch_id, 'void', 0, null, coupon.remaining_amount,
     greatest(clock_timestamp(), coupon.decided_at));
  update coupons c set ledger_seq = coupon.ledger_seq + 1 where c.id = coupon.id;
  return 'void';
end
$$;
