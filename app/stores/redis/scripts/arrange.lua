-- Puts players at their places in the order of a board, and of their segments. KEYS: order, arranged, segments (the
-- names of all that have a player). ARGV: for each player: player, the entry that Redis had ('' for none),
-- negated score, entry: the change number, then, for a player on the board, the time, and a line for each segment. An
-- entry with a lower change number than the stored one is skipped, unless the stored one is that which Redis had: then
-- it exceeded the database's even then, and is wrong. Returns 1, or false if another program has written an entry, so that
-- nobody knows that player's former place, or has deleted the set of a segment.
local order, arranged = KEYS[1], KEYS[2]
for i = 1, #ARGV, 4 do
  local player, entry = ARGV[i], ARGV[i + 3]
  local known = redis.call('HGET', arranged, player) or ''
  local known_change, known_time, known_segments = string.match(known, '^(%d*) ?(%d*)(.*)$')
  if known ~= '' and known_change == '' then return false end
  local change, time, segments = string.match(entry, '^(%d+) ?(%d*)(.*)$')
  if tonumber(change) >= (tonumber(known_change) or 0) or known == ARGV[i + 1] then
    if known_time ~= '' and (known_time ~= time or known_segments ~= segments) then
      redis.call('ZREM', order, known_time .. player)
      if known_segments ~= '' then
        for segment in string.gmatch(known_segments, '[^\n]+') do
          local set = order .. ':' .. segment
          redis.call('ZREM', set, known_time .. player)
          if redis.call('EXISTS', set) == 0 then redis.call('SREM', KEYS[3], segment) end
        end
      end
    end
    if time ~= '' then
      redis.call('ZADD', order, ARGV[i + 2], time .. player)
      if segments ~= '' then
        for segment in string.gmatch(segments, '[^\n]+') do
          local set = order .. ':' .. segment
          if redis.call('SADD', KEYS[3], segment) == 1 then
            redis.call('DEL', set)  -- one of an order that was lost
          elseif redis.call('EXISTS', set) == 0 then
            return false
          end
          redis.call('ZADD', set, ARGV[i + 2], time .. player)
        end
      end
    end
    redis.call('HSET', arranged, player, entry)
  end
end
return 1
