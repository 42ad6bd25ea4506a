-- Reads the members of an ordered set on both sides of a place. KEYS: order, arranged, the set (of the board, or of a
-- segment), segments. ARGV: how many members above, how many below, then either the number of the place, or a negated score and
-- a member, which need not be on the set: the place is the first that is not better. Returns {} while the order is
-- incomplete, false if the set was lost, else {total, members before the place, {member, negated score, ...} above, {...} from the place on}.
-- include is_complete
-- include is_whole
if not is_complete() then return {} end
if not is_whole() then return false end
local set = KEYS[3]
local first = set == KEYS[1] and 1 or 0  -- the mark is the first member of the board's set
local place
if ARGV[4] then
  -- A place is mostly that of a player who is still there ('~' behind the member: the place after it).
  local member, after = string.gsub(ARGV[4], '~$', '')
  local score = redis.call('ZSCORE', set, member)
  if score and tonumber(score) == tonumber(ARGV[3]) then
    place = redis.call('ZRANK', set, member) + after
  else
    place = redis.call('ZCOUNT', set, '-inf', '(' .. ARGV[3])
    local last = redis.call('ZCOUNT', set, '-inf', ARGV[3])
    while place < last do
      local middle = math.floor((place + last) / 2)
      if redis.call('ZRANGE', set, middle, middle)[1] < ARGV[4] then place = middle + 1 else last = middle end
    end
  end
else
  place = tonumber(ARGV[3]) - 1 + first
end
local above, below = {}, {}
if place > first and ARGV[1] ~= '0' then
  above = redis.call('ZRANGE', set, math.max(first, place - ARGV[1]), place - 1, 'WITHSCORES')
end
if ARGV[2] ~= '0' then below = redis.call('ZRANGE', set, place, place + ARGV[2] - 1, 'WITHSCORES') end
return {redis.call('ZCARD', set) - first, place - first, above, below}
