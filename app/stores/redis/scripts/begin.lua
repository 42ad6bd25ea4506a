-- Begins to fill a board. KEYS: scores, versions. Returns the board's life and the run of Redis, for complete.lua.
-- A board that is new, or has lost a part, gets a new life and is not complete. Any other board keeps its life, and is
-- read meanwhile.
-- types: zset hash
local life, mark = redis.call('ZSCORE', KEYS[1], '*'), redis.call('HGET', KEYS[2], '*')
if not (life and mark and string.match(mark, '^%S+') == life) then
  local time = redis.call('TIME')
  life = string.format('-%d%06d', time[1], time[2])
  redis.call('ZADD', KEYS[1], life, '*')
  redis.call('HSET', KEYS[2], '*', life)
end
return life .. ' ' .. string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
