-- The gate of a request alone. KEYS: window, status, login. ARGV: seconds of the window, limit.
-- Returns {count, status or '', login or ''}.
-- types: integer string string
-- include gate
return admission
