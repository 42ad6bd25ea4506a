-- For scripts on a board: counts a change of it. A lost count restarts at the time, which is above all earlier counts,
-- so that no list from before the loss passes for a new one.
local function count_change(key)
  if redis.call('INCR', key) == 1 then
    local time = redis.call('TIME')
    redis.call('SET', key, string.format('%d%06d', time[1], time[2]))
  end
end
