-- Returns a row if the coupon exists, so that a drill is audited against the database that it used.
-- Locks: none. Index: coupons_name_unique.
select 1 from coupons where name = $1
