-- What Redis knows of some players and scores. KEYS: scores, versions, ready, position. ARGV: how many players, the
-- players, the scores. Answers {position or '', {change number or '', …}, {rank, …}}; no ranks while the sorted set isn't
-- complete.
local players = tonumber(ARGV[1])
local versions, ranks = {}, {}
for i = 2, players + 1 do versions[i - 1] = redis.call('HGET', KEYS[2], ARGV[i]) or '' end
if redis.call('EXISTS', KEYS[3]) == 1 then
  for i = players + 2, #ARGV do
    ranks[i - players - 1] = redis.call('ZCOUNT', KEYS[1], '(' .. ARGV[i], '+inf') + 1
  end
end
return {redis.call('GET', KEYS[4]) or '', versions, ranks}
