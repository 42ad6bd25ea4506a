-- Adds to the count of a rate limit's window. KEYS: window. ARGV: seconds from its first count to its end, increment.
-- Returns the new count.
-- types: integer
-- include count_window
return count_window(KEYS[1], ARGV[1], ARGV[2])
