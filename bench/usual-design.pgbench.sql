-- The statements of the usual design, for pgbench. Each client counts its own users.
\set number :number + 1
\set user 10000000000 + ((:client_id * 20000000 + :number) * 48271) % 2147483647
begin;
insert into claims (coupon_id, user_id, claim_id) values (:coupon, 'user-' || :user, gen_random_uuid()) on conflict do nothing;
update coupons set remaining = remaining - 1 where id = :coupon and remaining > 0 returning amount - remaining;
commit;
