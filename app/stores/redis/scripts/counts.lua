-- Counts the members of an ordered set with better scores. KEYS: order, arranged, the set (of the board, or of a
-- segment), segments. ARGV: negated scores. Returns {} while the order is incomplete, false if the set was lost, else
-- {total, rank, ...}.
-- include is_complete
-- include is_whole
if not is_complete() then return {} end
if not is_whole() then return false end
local marks = KEYS[3] == KEYS[1] and 1 or 0
local answer = {redis.call('ZCARD', KEYS[3]) - marks}
for i = 1, #ARGV do answer[i + 1] = redis.call('ZCOUNT', KEYS[3], '-inf', '(' .. ARGV[i]) - marks + 1 end
return answer
