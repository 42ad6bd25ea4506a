-- Fixes the list that HTTP readers see during one second of the clock: the first that is offered, for every process.
-- A second that is far ahead was offered before the clock was set back. KEYS: shown. ARGV: second, text ("second version\nrows"), milliseconds,
-- how many seconds ahead the clock of another server may be. Answers the text that counts.
local known = redis.call('GET', KEYS[1])
local second = known and tonumber(string.match(known, '^%d+'))
if known and second >= tonumber(ARGV[1]) and second <= ARGV[1] + ARGV[4] then return known end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ARGV[2]
