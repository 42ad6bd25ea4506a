-- Ends an action. KEYS: action, active. ARGV: action id, state ('consumed' or 'invalid'), seconds to remember it.
-- types: hash zset
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSET', KEYS[1], 'state', ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
