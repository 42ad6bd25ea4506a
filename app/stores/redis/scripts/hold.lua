-- Takes a place that ends by itself, unless somebody has it. KEYS: place. ARGV: milliseconds. Answers 1 or 0.
-- A place that would last longer than that was taken before the clock was set back: it is over.
if redis.call('SET', KEYS[1], 1, 'NX', 'PX', ARGV[1]) then return 1 end
if redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], 1, 'PX', ARGV[1])
return 1
