-- KEYS: scores, versions. Answers on which run of Redis the board was completed ('' if it isn't), and which run this is.
-- A run ends with its process: after a restart or a failover, what was written last may be missing.
-- include is_complete
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
return {is_complete() and string.match(redis.call('HGET', KEYS[2], '*'), ' (%x+)$') or '', run}
