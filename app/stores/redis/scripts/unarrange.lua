-- Removes players from the order of a board and of their segments. KEYS: order, arranged, segments. ARGV: the players.
-- Returns 1.
for _, player in ipairs(ARGV) do
  local known = redis.call('HGET', KEYS[2], player)
  local time, segments = string.match(known or '', '^%d+ (%d+)(.*)$')
  if time then
    redis.call('ZREM', KEYS[1], time .. player)
    for segment in string.gmatch(segments, '[^\n]+') do
      local set = KEYS[1] .. ':' .. segment
      redis.call('ZREM', set, time .. player)
      if redis.call('EXISTS', set) == 0 then redis.call('SREM', KEYS[3], segment) end
    end
  end
  if known then redis.call('HDEL', KEYS[2], player) end
end
return 1
