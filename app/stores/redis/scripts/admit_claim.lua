-- Claims an action as claim.lua does, for a request that passes its gate. KEYS and ARGV: those of claim.lua, then those
-- of admit.lua. Returns the answer of admit.lua where nothing was claimed or looked up, else that of claim.lua.
-- types: hash string zset string integer string string
-- include gate
if not may_pass then return admission end
-- include claim
