-- Marks a board as complete. KEYS: scores, versions, changed. ARGV: the answer of begin.lua, the increment of the count
-- of changes. Returns 1, or 0 without a change if the sorted set or the hash was lost since begin.lua.
-- types: zset hash integer
local life = string.match(ARGV[1], '^%S+')
local mark = redis.call('HGET', KEYS[2], '*')
if redis.call('ZSCORE', KEYS[1], '*') ~= life or not mark or string.match(mark, '^%S+') ~= life then return 0 end
redis.call('HSET', KEYS[2], '*', ARGV[1])
redis.call('INCRBY', KEYS[3], ARGV[2])
return 1
