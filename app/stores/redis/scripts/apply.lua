-- Writes standings as the database has them. KEYS: scores, versions. ARGV: player, score ('' for off the board),
-- change number, …; each player once. A change older than the stored one is skipped; an equal one is written again,
-- which repairs it.
-- types: zset hash
local players = {}
for i = 1, #ARGV, 3 do players[#players + 1] = ARGV[i] end
if #players == 0 then return 1 end
local known = redis.call('HMGET', KEYS[2], unpack(players))
local listed, unlisted, changes = {}, {}, {}
for i, player in ipairs(players) do
  local score, change = ARGV[3 * i - 1], ARGV[3 * i]
  if tonumber(change) >= tonumber(string.match(known[i] or '', '^%d+$') or 0) then
    if score == '' then
      unlisted[#unlisted + 1] = player
    else
      listed[#listed + 1] = score
      listed[#listed + 1] = player
    end
    changes[#changes + 1] = player
    changes[#changes + 1] = change
  end
end
if #unlisted > 0 then redis.call('ZREM', KEYS[1], unpack(unlisted)) end
if #listed > 0 then redis.call('ZADD', KEYS[1], unpack(listed)) end
if #changes > 0 then redis.call('HSET', KEYS[2], unpack(changes)) end
return 1
