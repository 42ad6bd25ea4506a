-- Begins to fill a board, or its order. KEYS: scores, versions; or order, arranged, segments. Returns the board's life
-- and the run of Redis, for complete.lua. A board that is new, or has lost a part, begins empty, with a new life, and is
-- not complete: entries of the part that is left, or their change numbers, would be taken for newer than the database's.
-- Any other board keeps its life, and is read meanwhile.
-- types: zset hash set
local life, mark = redis.call('ZSCORE', KEYS[1], '*'), redis.call('HGET', KEYS[2], '*')
if not (life and mark and string.match(mark, '^%S+') == life) then
  if KEYS[3] then  -- without all entries, nothing tells who must leave a place or a segment
    for _, segment in ipairs(redis.call('SMEMBERS', KEYS[3])) do redis.call('UNLINK', KEYS[1] .. ':' .. segment) end
  end
  redis.call('UNLINK', unpack(KEYS))
  local time = redis.call('TIME')
  -- The microseconds, moved 13 bits up: below any score, and exact as a double.
  redis.call('ZADD', KEYS[1], string.format('%.0f', -8192 * (time[1] * 1000000 + time[2])), '*')
  life = redis.call('ZSCORE', KEYS[1], '*')
  redis.call('HSET', KEYS[2], '*', life)
end
return life .. ' ' .. string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
