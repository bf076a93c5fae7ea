-- why: functions that only earlier releases call would go on deciding without regard to holds and returned units
-- compatible: no (every service of an earlier release must be stopped: `firstcome migrate --finish` checks that)

-- Right at any place among the other migrations: nothing of this release or a later one uses them. While claim_batch exists,
-- no coupon with holds is created and no claim changes.
drop function claim_batch(uuid, text, text[], uuid[], text[], boolean);
drop function claim_bundle(uuid[], text[], text[], uuid[], text[]);
drop function void_batch(text, uuid);
drop type claim_decision;
drop type winning_claim;

drop function add_stock(text, integer, uuid, bigint, integer);
drop function add_stock_2(text, integer, uuid, bigint, integer);
drop function add_stock_3(text, integer, uuid, bigint, text, text);
drop function change_coupon(text, boolean, timestamptz, boolean, timestamptz, boolean, integer);
drop function change_coupon_2(
  text, boolean, timestamptz, boolean, timestamptz, boolean, boolean, text, text
);
drop function view_coupon(coupons, timestamptz, integer);
drop function view_coupon_2(coupons, timestamptz);
drop type coupon_view;
drop type coupon_view_2;
drop function coupon_holders(bigint, integer);
