-- KEYS: scores, versions. Returns the run of Redis that completed the board ('' for none), and the present run.
-- A run ends with its process: after a restart or a failover, the last writes may be missing.
-- types: zset hash
-- include is_complete
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
return {is_complete() and string.match(redis.call('HGET', KEYS[2], '*'), ' (%x+)$') or '', run}
