-- Reads the change numbers of players and the ranks of scores. KEYS: scores, versions, position. ARGV: how many players,
-- the players, the scores. Returns {position or '', {change number or '', …}, {rank, …}, how many players are ranked};
-- while the board is incomplete no ranks, and -1.
-- types: zset hash string
-- include is_complete
local players = tonumber(ARGV[1])
local versions, ranks, total = {}, {}, -1
for i = 2, players + 1 do versions[i - 1] = redis.call('HGET', KEYS[2], ARGV[i]) or '' end
if is_complete() then
  total = redis.call('ZCARD', KEYS[1]) - 1  -- the mark is no player
  for i = players + 2, #ARGV do
    ranks[i - players - 1] = redis.call('ZCOUNT', KEYS[1], '(' .. ARGV[i], '+inf') + 1
  end
end
return {redis.call('GET', KEYS[3]) or '', versions, ranks, total}
