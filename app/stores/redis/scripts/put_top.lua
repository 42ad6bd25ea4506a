-- Caches a top list, unless what was shown has perhaps seen more. KEYS: top, position. ARGV: version, text, seconds,
-- position that the list has seen everything up to, position that it has seen nothing beyond, refusal to pass over.
-- Answers '', or a refusal: what stands in the way. Who is refused reads anew; who then meets the same refusal knows
-- that it is of another life of the database, since every number of ours that was there before is lower by now.
local known = redis.call('GET', KEYS[1])
local version = known and string.match(known, '^%d+') or '0'
local position = redis.call('GET', KEYS[2]) or ''
local refusal = version .. ' ' .. position
if refusal ~= ARGV[6] and (tonumber(version) > tonumber(ARGV[1]) or position > ARGV[4]) then return refusal end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
redis.call('SET', KEYS[2], ARGV[5])
return ''
