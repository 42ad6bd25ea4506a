-- Adds to the count of a rate limit's window. KEYS: window. ARGV: seconds from its first count to its end, increment.
-- Returns the new count. A window that would last longer than that began before the clock was set back.
-- types: integer
local count = redis.call('INCRBY', KEYS[1], ARGV[2])
local left = redis.call('TTL', KEYS[1])
if left < 0 or left > tonumber(ARGV[1]) then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return count
