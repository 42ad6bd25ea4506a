-- KEYS: ready. Answers on which run of Redis the sorted set was completed ('' if it wasn't), and which run this is.
-- A run ends with its process: after a restart or a failover, what was written last may be missing.
return {redis.call('GET', KEYS[1]) or '', string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')}
