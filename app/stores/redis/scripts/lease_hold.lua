-- Takes or renews a lease, unless another caller has it. KEYS: lease. ARGV: the caller's token, milliseconds.
-- Returns 1 or 0. A lease that would last longer than that is from before the clock was set back, one without an end is
-- none of ours: both count as expired.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left <= tonumber(ARGV[2]) and redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
