-- Enables the webhook $1, and leaves one that is active as it is. Returns no row if there is no such webhook.
-- Locks: the row of the duty event_relay, the row of the webhook, its pending deliveries. Indexes: duties_primary_key,
-- webhooks_primary_key, webhook_deliveries_due, coupons_primary_key.
select w.id, w.url, w.events, c.name as coupon_name, w.created_at, w.disabled_at, w.disabled_reason
from enable_webhook($1::uuid, $2::text, $3::text) w
left join coupons c on c.id = w.coupon_id
where require_primary() and require_durability()
