-- Caches a top list unless a newer one stands there. KEYS: top. ARGV: version, text, seconds. Answers 1 or 0.
local known = redis.call('GET', KEYS[1])
if known and tonumber(string.match(known, '^%d+')) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
