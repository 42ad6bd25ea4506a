-- Releases a lease, unless another caller has it by now. KEYS: lease. ARGV: the caller's token.
if redis.pcall('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
