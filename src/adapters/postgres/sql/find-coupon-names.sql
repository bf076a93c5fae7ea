-- Returns those of the names that are coupons, for claims whose coupon this process has not seen yet.
-- Locks: none. Index: coupons_name_unique.
select name from coupons where require_primary() and name = any ($1::text[])
