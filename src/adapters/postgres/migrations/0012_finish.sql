-- why: functions that only earlier releases call would go on deciding without regard to holds and returned units
-- compatible: no (every service of an earlier release must be stopped: `firstcome migrate --finish` checks that)

-- Any order of these among the other migrations is right: nothing of this release or a later one uses them.
drop function add_stock(text, integer, uuid, bigint, integer);
drop function add_stock_2(text, integer, uuid, bigint, integer);
drop function change_coupon(text, boolean, timestamptz, boolean, timestamptz, boolean, integer);
drop function view_coupon(coupons, timestamptz, integer);
drop type coupon_view;
drop function coupon_holders(bigint, integer);
