-- Puts players at their places in the order of a board, and of their segments. KEYS: order, arranged, segments (the
-- names of all that have a player). ARGV: for each player, once: player, the entry that Redis had ('' for none),
-- negated score, entry: the change number, then, for a player on the board, the time, and a line for each segment. An
-- entry with a lower change number than the stored one is skipped, unless the stored one is that which Redis had: then
-- it exceeded the database's even then, and is wrong. Returns 1, or false if another program has written an entry, so that
-- nobody knows that player's former place, or has deleted the set of a segment.
local order, arranged = KEYS[1], KEYS[2]
local players, left, placed, entries = {}, {}, {}, {}
for i = 1, #ARGV, 4 do players[#players + 1] = ARGV[i] end
if #players == 0 then return 1 end
for index, known in ipairs(redis.call('HMGET', arranged, unpack(players))) do
  local player, entry, had = players[index], ARGV[4 * index], ARGV[4 * index - 2]
  known = known or ''
  local known_change, known_time, known_segments = string.match(known, '^(%d*) ?(%d*)(.*)$')
  if known ~= '' and known_change == '' then return false end
  local change, time, segments = string.match(entry, '^(%d+) ?(%d*)(.*)$')
  if tonumber(change) >= (tonumber(known_change) or 0) or known == had then
    local score = ARGV[4 * index - 1]
    if known_time ~= '' and (known_time ~= time or known_segments ~= segments) then
      left[#left + 1] = known_time .. player
      for segment in string.gmatch(known_segments, '[^\n]+') do
        local set = order .. ':' .. segment
        redis.call('ZREM', set, known_time .. player)
        if redis.call('EXISTS', set) == 0 then redis.call('SREM', KEYS[3], segment) end
      end
    end
    if time ~= '' then
      placed[#placed + 1] = score
      placed[#placed + 1] = time .. player
      for segment in string.gmatch(segments, '[^\n]+') do
        local set = order .. ':' .. segment
        if redis.call('SADD', KEYS[3], segment) == 1 then
          redis.call('DEL', set)  -- one of an order that was lost
        elseif redis.call('EXISTS', set) == 0 then
          return false
        end
        redis.call('ZADD', set, score, time .. player)
      end
    end
    entries[#entries + 1] = player
    entries[#entries + 1] = entry
  end
end
if #left > 0 then redis.call('ZREM', order, unpack(left)) end
if #placed > 0 then redis.call('ZADD', order, unpack(placed)) end
if #entries > 0 then redis.call('HSET', arranged, unpack(entries)) end
return 1
