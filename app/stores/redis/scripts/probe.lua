-- Tests that a script may write, read and publish here. KEYS: probe. ARGV: seconds to keep it.
redis.call('SET', KEYS[1], 1, 'EX', ARGV[1])
redis.call('PUBLISH', 'fairboard:probe', '')
return redis.call('GET', KEYS[1])
