-- Writes a committed score to the sorted set if it is newer, wakes the relay, and reads both ranks.
-- KEYS: scores, versions, changed, wake. ARGV: player, previous score, score, change number, wake channel or ''.
-- Returns {previous rank, rank}, or {} while the board isn't complete. Safe to run twice.
-- types: zset hash integer string
-- include is_complete
-- include count_change
count_change(KEYS[3])
if ARGV[5] ~= '' and redis.call('SET', KEYS[4], 1, 'NX', 'PX', 1000) then redis.call('PUBLISH', ARGV[5], KEYS[4]) end
if not is_complete() then return {} end
local player, change = ARGV[1], tonumber(ARGV[4])
local known = tonumber(string.match(redis.call('HGET', KEYS[2], player) or '', '^%d+$') or 0)
local own = ARGV[3]
if change > known then
  redis.call('ZADD', KEYS[1], own, player)
  redis.call('HSET', KEYS[2], player, change)
else
  own = redis.call('ZSCORE', KEYS[1], player)
end
own = own and tonumber(own) or -math.huge
local function rank(score)
  local above = redis.call('ZCOUNT', KEYS[1], '(' .. score, '+inf')
  if own > tonumber(score) then above = above - 1 end
  return above + 1
end
return {rank(ARGV[2]), rank(ARGV[3])}
