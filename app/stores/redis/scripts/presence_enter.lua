-- Registers a socket unless there are too many. KEYS: connections. ARGV: socket, maximum, seconds until it expires.
-- Returns 1 or 0. The time is that of Redis, so that servers whose clocks differ agree.
-- types: zset
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
-- A socket that would stay longer than that came before the clock was set back.
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. (now + ARGV[3] + 1), '+inf')) do
  redis.call('ZADD', KEYS[1], now + ARGV[3], member)
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[3] * 1000))
return 1
