-- Decides which task broadcasts a board. KEYS: pending, gate, next. ARGV: the change to broadcast ('' for a task
-- that has waited), milliseconds between two broadcasts. Returns {'go', all pending changes}: broadcast them now;
-- {'wait', milliseconds}: ask again then, yours is next; {'left'}: another task broadcasts the change, or has done so.
-- types: set string string
if ARGV[1] ~= '' then
  redis.call('SADD', KEYS[1], ARGV[1])
  redis.call('EXPIRE', KEYS[1], 3600)
elseif redis.call('SCARD', KEYS[1]) == 0 then
  return {'left'}
end
if redis.call('SET', KEYS[2], 1, 'NX', 'PX', ARGV[2]) then
  redis.call('DEL', KEYS[3])
  local answer = redis.call('SMEMBERS', KEYS[1])
  table.insert(answer, 1, 'go')
  return answer
end
local left = redis.call('PTTL', KEYS[2])
if left == 0 then left = 1 end
if left < 0 or left > tonumber(ARGV[2]) then  -- another program wrote it, or the clock was set back since
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[2], left)
end
-- The next task may die: then its place is free again before the broker delivers the task again.
if ARGV[1] == '' then
  redis.call('SET', KEYS[3], 1, 'PX', left + 400)
elseif not redis.call('SET', KEYS[3], 1, 'NX', 'PX', left + 400) then
  return {'left'}
end
return {'wait', left}
