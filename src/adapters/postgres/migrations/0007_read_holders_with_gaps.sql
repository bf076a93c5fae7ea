-- why: the holders of a coupon are read right when positions have gaps
-- compatible: yes

-- The first in_holders_max users who hold a coupon, in order of position. Positions may have gaps. Reads in the snapshot
-- of the statement that calls it, so holders and stock agree.
--
-- Planned while claims is empty, a plan could sort all claims of the coupon and stay cached while the table grows.
create function coupon_holders_2(in_coupon_id bigint, in_holders_max integer)
returns text[] language sql stable
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
  select array(
    select claims.user_id from claims
    where claims.coupon_id = in_coupon_id
    order by claims.position
    limit in_holders_max
  )
$$;

-- The same, for a statement that has just taken the lock of the coupon's row. It is volatile, so it reads in a snapshot
-- of its own: it sees every claim that was committed before the lock was granted, also those after the start of the
-- statement. In SQL it would not: the planner would replace it by the function that it calls.
create function coupon_holders_under_lock(in_coupon_id bigint, in_holders_max integer)
returns text[] language plpgsql volatile as $$
begin
  return coupon_holders_2(in_coupon_id, in_holders_max);
end $$;
