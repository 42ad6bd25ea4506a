-- Admits one try to sign in to an account, or returns how long it has to wait. An admitted try counts as failed until
-- guess_over.lua records its outcome, so tries at the same moment are counted too.
-- KEYS: the network's count, the strangers' count, the turn of the wide network, known networks.
-- ARGV: network, now, milliseconds in which a failure is forgotten, time since which a network is known, lease of a
-- try in flight, waits of one network, waits of strangers (seconds, separated by spaces). Times in ms.
-- Returns 0 (admitted), milliseconds to wait, or -1: wait for the tries in flight and ask again.
-- types: hash hash string zset
local now, forget = tonumber(ARGV[2]), tonumber(ARGV[3])

local function read(text)
  local waits = {}
  for seconds in string.gmatch(text, '%d+') do waits[#waits + 1] = tonumber(seconds) * 1000 end
  return waits
end

local function failures(kept, at)
  return math.max(0, (tonumber(kept) or 0) - math.max(0, now - (tonumber(at) or now)) / forget)
end

local function wait(waits, count)
  return waits[math.min(#waits, math.floor(count + 0.5))] or 0
end

local function count(key, waits, before)
  local after = math.min(#waits, before + 1)
  redis.call('HSET', key, 'failures', string.format('%.4f', after), 'at', now, 'until', now + wait(waits, after))
  redis.call('PEXPIRE', key, math.ceil(after * forget))
end

local own, strangers = read(ARGV[6]), read(ARGV[7])
local kept = redis.call('HMGET', KEYS[1], 'failures', 'at', 'until', 'flying')
local left, age = (tonumber(kept[3]) or 0) - now, now - (tonumber(kept[2]) or 0)
local flying = age >= 0 and age < tonumber(ARGV[5]) and tonumber(kept[4]) or 0
-- A wait that is longer than these failures have was given before the clock was set back: it begins anew.
local longest = wait(own, tonumber(kept[1]) or 0)
if left > longest then
  left = longest
  redis.call('HSET', KEYS[1], 'at', now, 'until', now + left)
end
if left > 0 then return flying > 0 and -1 or left end
local since = redis.call('ZSCORE', KEYS[4], ARGV[1])
if not since or tonumber(since) < tonumber(ARGV[4]) then
  local shared = redis.call('HMGET', KEYS[2], 'failures', 'at')
  local all = failures(shared[1], shared[2])
  local delay = wait(strangers, all)
  if delay > 0 then
    local turn = tonumber(redis.call('GET', KEYS[3])) or now + delay
    local remaining = math.min(turn - now, strangers[#strangers])
    if remaining > 0 then
      redis.call('SET', KEYS[3], now + remaining, 'PX', remaining + forget)
      return remaining
    end
    redis.call('DEL', KEYS[3])
  end
  count(KEYS[2], strangers, all)
end
count(KEYS[1], own, failures(kept[1], kept[2]))
redis.call('HSET', KEYS[1], 'flying', flying + 1)
return 0
