-- Records the outcome of a try that guess.lua admitted. KEYS: as in guess.lua. ARGV: network, now (ms), 'failed',
-- 'withdrawn' (no password was checked) or 'succeeded', seconds for which networks are known, most known networks.
-- types: hash hash string zset
local kept = redis.call('HMGET', KEYS[1], 'failures', 'flying')
local own, flying = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0
if flying > 0 then redis.call('HINCRBY', KEYS[1], 'flying', -1) end
if ARGV[3] == 'failed' then return 0 end

local taken = ARGV[3] == 'succeeded' and own or 1
if not redis.call('ZSCORE', KEYS[4], ARGV[1]) and redis.call('EXISTS', KEYS[2]) == 1 then
  local all = tonumber(redis.call('HGET', KEYS[2], 'failures')) or 0
  redis.call('HSET', KEYS[2], 'failures', string.format('%.4f', math.max(0, all - taken)))
end
if ARGV[3] == 'withdrawn' then
  if own > 0 then
    redis.call('HSET', KEYS[1], 'failures', string.format('%.4f', math.max(0, own - 1)), 'until', 0)
  end
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[4], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -tonumber(ARGV[5]) - 1)
redis.call('EXPIRE', KEYS[4], ARGV[4])
return 0
