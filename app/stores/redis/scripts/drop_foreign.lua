-- Deletes keys with a value of another program. KEYS: any. ARGV: the Redis type that we write to each, or 'integer'.
-- Returns the deleted keys.
local deleted = {}
for i, key in ipairs(KEYS) do
  local kind, wanted = redis.call('TYPE', key).ok, ARGV[i]
  if wanted == 'integer' and kind == 'string' then
    local value = redis.call('GET', key)
    if string.match(value, '^%d+$') and #value <= 18 then kind = wanted end
  end
  if kind ~= wanted and kind ~= 'none' then
    redis.call('DEL', key)
    deleted[#deleted + 1] = key
  end
end
return deleted
