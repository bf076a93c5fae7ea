-- Every ledger row is of a coupon that exists.
select coupon_id, count(*) as rows from stock_ledger
where coupon_id not in (select id from coupons)
group by coupon_id
