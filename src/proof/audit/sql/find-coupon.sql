-- Whether there is a coupon of this name, so that a drill is judged by the database that it reached.
-- Locks: none. Index: coupons_name_unique.
select 1 from coupons where name = $1
