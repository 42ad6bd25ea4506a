-- Caches a top list, unless a list that was shown may include more. KEYS: top, position, end. ARGV: version, text,
-- seconds, position up to which the list includes everything, position beyond which it includes nothing, refusal to
-- ignore, the list's end. Returns '', or a refusal: the stored version and position. A refused caller reads the list
-- again. The same refusal after that comes from another life of the database, since all earlier numbers of this life
-- are lower by now.
-- types: string string string
local known = redis.call('GET', KEYS[1])
local version = known and string.match(known, '^%d+') or '0'
local position = redis.call('GET', KEYS[2]) or ''
local refusal = version .. ' ' .. position
if refusal ~= ARGV[6] and (tonumber(version) > tonumber(ARGV[1]) or position > ARGV[4]) then return refusal end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
redis.call('SET', KEYS[2], ARGV[5])
redis.call('SET', KEYS[3], ARGV[7], 'EX', ARGV[3])
return ''
