-- Counts the players who are on a board. KEYS: players on servers by expiry, servers of each player.
-- ARGV: server, seconds until its players expire, how many players left it, those players, then its present players.
-- Returns the number of players. A player on two servers is two members and one player. Time as in presence_enter.lua.
-- types: zset hash
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
-- If one key was lost, the other would count wrongly for ever, so it is deleted. Servers report their players again.
if redis.call('EXISTS', KEYS[1]) ~= redis.call('EXISTS', KEYS[2]) then redis.call('DEL', KEYS[1], KEYS[2]) end
local function out(member, player)
  if redis.call('ZREM', KEYS[1], member) == 1 and redis.call('HINCRBY', KEYS[2], player, -1) <= 0 then
    redis.call('HDEL', KEYS[2], player)
  end
end
-- A player that would stay longer than that came before the clock was set back.
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. (now + ARGV[2] + 1), '+inf')) do
  redis.call('ZADD', KEYS[1], now + ARGV[2], member)
end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  out(member, string.match(member, '^[^/]+'))
end
local left = tonumber(ARGV[3])
for i = 4, 3 + left do out(ARGV[i] .. '/' .. ARGV[1], ARGV[i]) end
for i = 4 + left, #ARGV do
  if redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[i] .. '/' .. ARGV[1]) == 1 then
    redis.call('HINCRBY', KEYS[2], ARGV[i], 1)
  end
end
if #ARGV > 3 + left then
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, math.ceil(ARGV[2] * 1000)) end
end
return redis.call('HLEN', KEYS[2])
