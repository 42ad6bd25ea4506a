-- Stores the copy of an API key where Redis has none, or a value that nobody of ours wrote.
-- KEYS: copy. ARGV: seconds to keep it, copy. Returns 1.
local copy = redis.pcall('GET', KEYS[1])
if type(copy) ~= 'string' or string.sub(copy, 1, 7) ~= '{"key":' then
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[1])
end
return 1
