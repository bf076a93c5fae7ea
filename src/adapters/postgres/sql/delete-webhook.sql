-- Deletes the webhook $1, and ends the relay with the last one, unless a coupon has a saga. False: there is none.
-- Locks: the row of the relay's duty, in turn with its slices. Indexes: webhooks_primary_key, coupons_with_sagas.
select delete_webhook($1::uuid, $2::text, $3::text) as is_deleted
where require_durability()
