-- Reads all webhooks in the order of their ids, which is that of their creation. They are few.
-- Locks: none. Indexes: webhooks_primary_key, coupons_primary_key.
select w.id, w.url, w.events, c.name as coupon_name, w.created_at, w.disabled_at, w.disabled_reason
from webhooks w
-- The limit keeps this a look-up by the primary key.
left join lateral (select coupons.name from coupons where coupons.id = w.coupon_id limit 1) c on true
where require_primary()
order by w.id
