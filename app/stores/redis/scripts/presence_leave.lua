-- Removes sockets. KEYS: connections. ARGV: socket, … Returns the number of sockets removed.
-- types: zset
return redis.call('ZREM', KEYS[1], unpack(ARGV))
