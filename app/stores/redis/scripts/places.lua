-- Reads the change numbers of players and the ranks of scores. KEYS: scores, versions, position. ARGV: how many players,
-- the players, the scores. Returns {position or '', {change number or '', …}, {rank, …}}; no ranks while the board is
-- incomplete.
-- types: zset hash string
-- include is_complete
local players = tonumber(ARGV[1])
local versions, ranks = {}, {}
for i = 2, players + 1 do versions[i - 1] = redis.call('HGET', KEYS[2], ARGV[i]) or '' end
if is_complete() then
  for i = players + 2, #ARGV do
    ranks[i - players - 1] = redis.call('ZCOUNT', KEYS[1], '(' .. ARGV[i], '+inf') + 1
  end
end
return {redis.call('GET', KEYS[3]) or '', versions, ranks}
