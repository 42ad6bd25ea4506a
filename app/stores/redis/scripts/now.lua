-- Returns the time in whole milliseconds: this Redis's own, so that servers whose clocks differ agree. Tests give another.
local function now_ms(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
