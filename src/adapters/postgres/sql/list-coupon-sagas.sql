-- Reads the names of the sagas of the newest coupons that have one, at most $1 of these.
-- Locks: none. Index: coupons_with_sagas.
select distinct newest.saga
from (select c.saga from coupons c where c.saga is not null order by c.id desc limit $1::integer) newest
where require_primary()
order by newest.saga
