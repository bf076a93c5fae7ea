-- Creates a webhook once per idempotency key, and begins the relay with the first one. The outcome is 'created', 'replayed',
-- 'key_reused', 'coupon_not_found' or 'too_many'; the first two come with the webhook.
-- Locks: the row of the relay's duty, in turn with its slices. Indexes: webhooks_one_per_key, coupons_name_unique.
select outcome, (webhook).id, (webhook).url, (webhook).events, $4::text as coupon_name, (webhook).created_at,
  (webhook).disabled_at, (webhook).disabled_reason
from create_webhook(
  $1::uuid, $2::text, $3::text[], $4::text, $5::text, $6::text, $7::integer, $8::text, $9::text
)
where require_durability()
