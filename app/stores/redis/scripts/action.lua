-- Reads an action. KEYS: action. ARGV: now in ms ('' for the time of Redis). Returns {now, field, value, …}.
-- types: hash
-- include now
local fields = redis.call('HGETALL', KEYS[1])
table.insert(fields, 1, now_ms(ARGV[1]))
return fields
