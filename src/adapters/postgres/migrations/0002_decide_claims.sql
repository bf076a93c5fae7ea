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

create type claim_decision as (
  outcome text,
  claim_id uuid,
  position integer,
  claimed_at timestamptz,
  opens_at timestamptz,
  opens_in_seconds integer
);

-- Decides a batch in its order and returns one decision for each claim, in that order. Everything it writes, it writes
-- in the caller's transaction. No row is returned when the coupon does not exist. The id of a claim is left out where it
-- is the one that was sent.
--
-- The plans are pinned by the settings: planned while claims is empty, a plan would scan the whole table and stay
-- cached while the table grows.
create function claim_batch(
  in_batch_id uuid,
  in_coupon_name text,
  in_user_ids text[],
  in_claim_ids uuid[],
  in_idempotency_keys text[]
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
  -- Claims of the batch that are still to be decided.
  size integer := cardinality(in_user_ids);
begin
  -- The lock comes first: what the statements below see, no other batch of this coupon can change any more.
  select * into coupon from coupons c where c.name = in_coupon_name for update;
  if not found then
    return;
  end if;

  -- A batch that was given up for lost may still arrive late. Its claims were sent again under another id by then.
  if exists (select from stock_ledger l where l.batch_id = in_batch_id) then
    raise exception 'batch % is void', in_batch_id using errcode = 'FC001';
  end if;

  decision_time := greatest(clock_timestamp(), coupon.decided_at);
  state := coupon_state(coupon.opens_at, coupon.closes_at, coupon.paused, decision_time);
  remaining := coupon.remaining_amount;
  taken := coupon.amount - coupon.remaining_amount;

  -- Nearly every batch of a sale that is on: there is a unit for each, and no user holds one or asks twice. Then all
  -- win, in order, and one statement writes them in half the time of the loop. Whatever else comes goes to the loop.
  if state = 'open' and size <= remaining and size >= 8
    and not exists (
      -- Each user is looked up by himself: a plain join, planned while claims is empty, would read all claims of the
      -- coupon for each batch. The limit keeps the planner from making it one.
      select from unnest(in_user_ids) asked (user_id)
      cross join lateral (
        select from claims c where c.coupon_id = coupon.id and c.user_id = asked.user_id limit 1
      ) held
    )
    and size = (select count(distinct asked.user_id) from unnest(in_user_ids) asked (user_id))
  then
    insert into claims (coupon_id, user_id, position, claim_id, claimed_at, idempotency_key)
    select coupon.id, asked.user_id, taken + asked.place, asked.claim_id, decision_time, asked.idempotency_key
    from unnest(in_user_ids, in_claim_ids, in_idempotency_keys)
      with ordinality asked (user_id, claim_id, idempotency_key, place);
    return query
      select 'claimed', null::uuid, taken + place, decision_time, null::timestamptz, null::integer
      from generate_series(1, size) place;
    remaining := remaining - size;
    size := 0;
  end if;

  for i in 1 .. size loop
    decision := null;

    -- The claim is inserted before stock is taken: a user who already has one stops here and costs no stock.
    if state = 'open' and remaining > 0 then
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
