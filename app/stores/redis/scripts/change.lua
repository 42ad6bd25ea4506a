-- Counts a change of a board. KEYS: changed. Returns 1.
-- types: integer
-- include count_change
count_change(KEYS[1])
return 1
