-- Counts a request in the window of its rate limit, and reads the copies of its login's state. The last KEYS: window,
-- status, login. The last ARGV: seconds of the window, limit.
-- include count_window
local count = count_window(KEYS[#KEYS - 2], ARGV[#ARGV - 1], 1)
local copies = redis.call('MGET', KEYS[#KEYS - 1], KEYS[#KEYS])
local admission = {count, copies[1] or '', copies[2] or ''}
local may_pass = count <= tonumber(ARGV[#ARGV]) and copies[1] == 'active' and copies[2] == 'active'
