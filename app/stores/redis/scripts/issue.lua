-- Issues an action unless the player has too many. KEYS: action, active, suspicion. ARGV: action id, now ('' for the time
-- of Redis), life, most active actions, seconds to keep, then field, value … of the action. Times in ms.
-- Returns {'issued', issued, expires}, {'unknown', …} for a player whose past must be fetched from the ledger first, or
-- {'too_many', …}.
-- types: hash zset string
-- include now
local now = now_ms(ARGV[2])
local expires = now + ARGV[3]
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
-- An action that expires over a minute after this one is from before the clock was set back: its end is unknown.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '(' .. (expires + 60000), '+inf')
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then return {'too_many', now, expires} end
redis.call('ZADD', KEYS[2], expires, ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[5])
redis.call('HSET', KEYS[1], 'issued', now, 'expires', expires)
for i = 6, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[5])
return {redis.call('EXISTS', KEYS[3]) == 1 and 'issued' or 'unknown', now, expires}
