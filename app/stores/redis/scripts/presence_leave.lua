-- Takes sockets off. KEYS: connections. ARGV: socket, … Answers how many were there.
return redis.call('ZREM', KEYS[1], unpack(ARGV))
