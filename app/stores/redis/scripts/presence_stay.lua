-- Renews sockets that are still open, and removes those that have expired. KEYS: connections.
-- ARGV: seconds until they expire, socket, … Returns 1. Time as in presence_enter.lua.
-- types: zset
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
-- A socket that would stay longer than that came before the clock was set back.
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. (now + ARGV[1] + 1), '+inf')) do
  redis.call('ZADD', KEYS[1], now + ARGV[1], member)
end
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[1] * 1000))
return 1
