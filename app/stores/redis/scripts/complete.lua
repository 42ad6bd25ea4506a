-- Says that a board is complete. KEYS: scores, versions, changed. ARGV: what begin.lua answered, how far to go on with the
-- count of changes. Answers 0, and changes nothing, if the sorted set or the hash was lost since.
local life = string.match(ARGV[1], '^%S+')
local mark = redis.call('HGET', KEYS[2], '*')
if redis.call('ZSCORE', KEYS[1], '*') ~= life or not mark or string.match(mark, '^%S+') ~= life then return 0 end
redis.call('HSET', KEYS[2], '*', ARGV[1])
redis.call('INCRBY', KEYS[3], ARGV[2])
return 1
