-- Puts players at their places in the order of a board, and of their segments. KEYS: order, arranged, segments (the
-- names of all that have ever had a player). ARGV: for each player: player, the entry that Redis had ('' for none), negated score, entry: the change number, then, for a player on
-- the board, the time, and a line for each segment. An entry with a lower change number than the stored one is skipped,
-- unless the stored one is that which Redis had: then it exceeded the database's even then, and is wrong.
local function move(player, entry, score)
  local time, segments = string.match(entry, '^%d+ (%d+)(.*)$')
  if not time then return end
  local keys = {KEYS[1]}
  for segment in string.gmatch(segments, '[^\n]+') do
    keys[#keys + 1] = KEYS[1] .. ':' .. segment
    if score then redis.call('SADD', KEYS[3], segment) end
  end
  for _, key in ipairs(keys) do
    if score then redis.call('ZADD', key, score, time .. player) else redis.call('ZREM', key, time .. player) end
  end
end
for i = 1, #ARGV, 4 do
  local player, seen, score, entry = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local known = redis.call('HGET', KEYS[2], player) or ''
  local change, known_change = string.match(entry, '^%d+'), string.match(known, '^%d+') or '0'
  if tonumber(change) >= tonumber(known_change) or known == seen then
    if string.sub(known, #known_change + 1) ~= string.sub(entry, #change + 1) then move(player, known) end
    move(player, entry, score)
    redis.call('HSET', KEYS[2], player, entry)
  end
end
return 1
