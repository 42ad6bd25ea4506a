-- Looks an action up and claims it for one redemption; the claim is a lease that expires.
-- KEYS: action, idempotency, history, suspicion. ARGV: now ('' for the time of Redis), lease, digest of the token's
-- promise ('' for a bad signature), fingerprint ('' without a key), prefix of the action's history entry, history length.
-- Times in ms. Returns {'reused'}, {'missing'}, {'forged', now}, {'consumed', now, times presented since}, {'in_flight'} or
-- {'claimed', now, issued, node or '', limits, nature or '', suspicion or '', entry, time, …}.
-- include now
-- types: hash string zset string
if ARGV[4] ~= '' then
  local first = redis.call('GET', KEYS[2])
  if first and first ~= ARGV[4] then return {'reused'} end
end
local now = now_ms(ARGV[1])
local action = redis.call('HMGET', KEYS[1], 'state', 'expires', 'claimed', 'limits', 'type', 'issued', 'promise', 'nature', 'node')
local state = action[1]
if not action[4] or not tonumber(action[6]) or state ~= 'active' and state ~= 'consumed' then return {'missing'} end
if action[7] and not string.match(action[7], '^' .. string.rep('%x', 32) .. '$') then return {'missing'} end  -- not ours
if state == 'active' and (tonumber(action[2]) or 0) <= now then return {'missing'} end
-- An action without a digest was issued by a version that stored none; such actions expire minutes after an update.
if ARGV[3] == '' or (action[7] and action[7] ~= ARGV[3]) then return {'forged', now} end
if state == 'consumed' then return {'consumed', now, redis.call('HINCRBY', KEYS[1], 'replays', 1)} end
-- A claim that would last much longer than a lease is from before the clock was set back.
local claimed = tonumber(action[3]) or 0
if claimed > now and claimed <= now + 2 * tonumber(ARGV[2]) then return {'in_flight'} end
redis.call('HSET', KEYS[1], 'claimed', now + tonumber(ARGV[2]))
if ARGV[4] ~= '' then redis.call('SET', KEYS[2], ARGV[4], 'EX', 86400) end
-- A lost history has no member '*': then the answer has no suspicion, and the player's past is fetched from the ledger.
local suspicion = redis.call('ZSCORE', KEYS[3], '*') and redis.call('GET', KEYS[4])
local answer = {'claimed', now, action[6], action[9] or '', action[4], action[8] or '', suspicion or ''}
local past = redis.call('ZREVRANGE', KEYS[3], 0, tonumber(ARGV[6]) + 1, 'WITHSCORES')
for i = 1, #past, 2 do
  if past[i] ~= '*' and string.sub(past[i], 1, #ARGV[5]) ~= ARGV[5] then
    answer[#answer + 1] = past[i]
    answer[#answer + 1] = past[i + 1]
  end
end
-- The entry is written now, not after the commit: of ten redemptions at the same moment each sees those before it.
redis.call('ZADD', KEYS[3], now, ARGV[5] .. (action[5] or '') .. '|' .. (action[6] or ''))
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -tonumber(ARGV[6]) - 3)
redis.call('EXPIRE', KEYS[3], 86400)
return answer
