-- Fixes the list that HTTP readers of all processes see during one second of the clock: the first list offered.
-- A second that is far ahead is from before the clock was set back. KEYS: shown. ARGV: second, text (a line "second
-- version end", then the rows), milliseconds, seconds that another server's clock may be ahead, text to replace because
-- the caller couldn't read it. Returns the text to show.
-- types: string
local known = redis.call('GET', KEYS[1])
local second = known and tonumber(string.match(known, '^%d+'))
if second and known ~= ARGV[5] and second >= tonumber(ARGV[1]) and second <= ARGV[1] + ARGV[4] then return known end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ARGV[2]
