-- Writes standings as the database has them. KEYS: scores, versions. ARGV: player, score ('' for off the board),
-- change number, … A change older than the stored one is skipped; an equal one is written again, which repairs it.
-- types: zset hash
for i = 1, #ARGV, 3 do
  local player, score, change = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  if change >= tonumber(string.match(redis.call('HGET', KEYS[2], player) or '', '^%d+$') or 0) then
    if score == '' then redis.call('ZREM', KEYS[1], player) else redis.call('ZADD', KEYS[1], score, player) end
    redis.call('HSET', KEYS[2], player, change)
  end
end
return 1
