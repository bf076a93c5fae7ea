-- Gives the webhook $1 the secret $2. The newest one before goes on signing. Returns no row if there is no such webhook.
-- Locks: the row of the webhook. Indexes: webhooks_primary_key, coupons_primary_key.
select w.id, w.url, w.events, c.name as coupon_name, w.created_at, w.disabled_at, w.disabled_reason
from rotate_webhook_secret($1::uuid, $2::text, $3::text, $4::text) w
left join coupons c on c.id = w.coupon_id
where require_primary() and require_durability()
