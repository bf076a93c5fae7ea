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

-- The expiry sweep finds the coupons with holds here. No update of a coupon changes what it names.
create index coupons_with_holds on coupons (id) where hold_seconds is not null;

-- Releases up to in_slice expired holds of these coupons under the lease of the expiry sweep. Returns one row for each
-- coupon that was swept. If the lease is not valid it returns a single row, in which is_held is false, and writes nothing.
-- A single coupon is waited for. Of several, those that are locked now are left out, so that no coupon waits while another
-- one is locked here; so are those after the end of the slice.
create function sweep_due_coupons(in_epoch bigint, in_coupon_ids bigint[], in_slice integer)
returns table (is_held boolean, coupon_id bigint, released integer, has_more boolean)
language plpgsql
set enable_seqscan = off
as $$
declare
  next_id bigint;
  left_of_slice integer := in_slice;
begin
  is_held := holds_duty('expiry_sweep', in_epoch);
  if not is_held then
    return next;
    return;
  end if;
  foreach next_id in array in_coupon_ids loop
    exit when left_of_slice <= 0;
    if cardinality(in_coupon_ids) > 1 then
      perform from coupons c where c.id = next_id for update skip locked;
      continue when not found;
    end if;
    select s.released, s.is_more_due into released, has_more
    from sweep_expired(next_id, left_of_slice, gen_random_uuid()) s;
    coupon_id := next_id;
    left_of_slice := left_of_slice - released;
    return next;
  end loop;
end
$$;
