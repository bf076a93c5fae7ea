-- Writes a row of the operator log: the actor $1 has done $2 with the dead letter $4, a claim of the coupon $3, in the request $5.
-- Locks: none. Index: operator_log_primary_key.
insert into operator_log (at, actor, action, coupon_name, before, request_id)
select clock_timestamp(), $1::text, $2::text, $3::text, $4::jsonb, $5::text
where require_durability()
