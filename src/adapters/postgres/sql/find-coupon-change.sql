-- Returns a row if the request $1 has changed a coupon in the last hour. Its transaction may have been left while it waited for
-- the standby: the message in the log makes the commit of this statement wait for both.
-- Locks: none. Index: operator_log_primary_key.
select pg_logical_emit_message(true, 'firstcome', '')
from operator_log
where at > now() - interval '1 hour' and request_id = $1::text and require_primary() and require_durability()
