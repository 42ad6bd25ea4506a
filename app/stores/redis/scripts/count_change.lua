-- For scripts on a board: counts a change of it. A count that was lost goes on with the time, which is beyond all counts
-- before: no list from then passes for a new one.
local function count_change(key)
  if redis.call('INCR', key) == 1 then
    local time = redis.call('TIME')
    redis.call('SET', key, string.format('%d%06d', time[1], time[2]))
  end
end
