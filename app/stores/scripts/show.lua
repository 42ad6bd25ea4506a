-- Fixes the list that HTTP readers see during one second of the clock: the first that is offered, for every process.
-- KEYS: shown. ARGV: second, text ("second version\nrows"), milliseconds. Answers the text that counts.
local known = redis.call('GET', KEYS[1])
if known and tonumber(string.match(known, '^%d+')) >= tonumber(ARGV[1]) then return known end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ARGV[2]
