-- For scripts on KEYS order, arranged, the set, segments: returns whether the set of a segment was not lost, nor left by
-- an order that was: arrange.lua names the segments whose sets have a member, and no others.
local function is_whole()
  if KEYS[3] == KEYS[1] then return true end
  return redis.call('EXISTS', KEYS[3]) == redis.call('SISMEMBER', KEYS[4], string.sub(KEYS[3], #KEYS[1] + 2))
end
