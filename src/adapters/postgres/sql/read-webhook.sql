-- Reads the webhook $1 with its secrets, the newest first.
-- Locks: none. Indexes: webhooks_primary_key, coupons_primary_key.
select w.id, w.url, w.events, c.name as coupon_name, w.created_at, w.disabled_at, w.disabled_reason, w.secrets
from webhooks w
left join coupons c on c.id = w.coupon_id
where require_primary() and w.id = $1::uuid
