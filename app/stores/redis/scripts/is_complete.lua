-- For scripts on KEYS scores, versions, …: returns whether neither was lost since the board was last completed.
-- Each has a member '*' that no other script writes, and that is lost with it. In the sorted set it is the board's life
-- (a number below any score); in the hash it is that life and, once the board is complete, the run of Redis on which it
-- was completed.
local function is_complete()
  local life, mark = redis.call('ZSCORE', KEYS[1], '*'), redis.call('HGET', KEYS[2], '*')
  return life and mark and string.sub(mark, 1, #life + 1) == life .. ' '
end
