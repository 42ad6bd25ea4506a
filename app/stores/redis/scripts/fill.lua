-- Stores the copies of an account's status and a login's state where Redis has none, or one that nobody of ours wrote.
-- KEYS: status, login. ARGV: seconds to keep them, status, state. Returns 1.
local words = {active = true, suspended = true, ended = true}
for i, key in ipairs(KEYS) do
  local copy = redis.pcall('GET', key)
  if type(copy) ~= 'string' or not words[copy] then redis.call('SET', key, ARGV[i + 1], 'EX', ARGV[1]) end
end
return 1
