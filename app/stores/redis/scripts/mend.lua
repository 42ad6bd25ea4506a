-- Repairs standings that differ between Redis and the database. KEYS: scores, versions. ARGV: player, the change number
-- that Redis had ('' for none) before the database was read, score ('' for off the board), change number, …
-- A standing that has changed since is skipped; but a number that exceeded the database's even then is wrong.
-- types: zset hash
for i = 1, #ARGV, 4 do
  local player, seen, score, change = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  local known = redis.call('HGET', KEYS[2], player) or ''
  if known == seen or change >= tonumber(string.match(known, '^%d+$') or 0) then
    if score == '' then redis.call('ZREM', KEYS[1], player) else redis.call('ZADD', KEYS[1], score, player) end
    redis.call('HSET', KEYS[2], player, change)
  end
end
return 1
