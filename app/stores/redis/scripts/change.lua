-- Counts a change of a board. KEYS: changed. Returns 1.
-- include count_change
count_change(KEYS[1])
return 1
