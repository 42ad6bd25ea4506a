-- Adds to the count of a rate limit's window, and returns the new count. A window that would last longer than `seconds`
-- began before the clock was set back.
local function count_window(window, seconds, increment)
  local count = redis.call('INCRBY', window, increment)
  local left = redis.call('TTL', window)
  if left < 0 or left > tonumber(seconds) then redis.call('EXPIRE', window, seconds) end
  return count
end
