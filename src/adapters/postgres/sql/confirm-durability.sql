-- Fails like require_durability() in the statement before it, where the durability has dropped since: that statement may have
-- committed without a standby. A server signals a new configuration to its sessions before it stops the waits for a standby,
-- so that the next statement of a session knows the configuration with which its last one has committed.
-- Locks: none.
select require_durability() as is_durable
