--[[
  Takes a deployment away from an instance that is lost or must give it up: nobody holds it, it begins a new run under
  the epoch that the caller raised, and waits to be taken up. Its state and its holder change in this one step. Attempts
  and crashes stay: it is no start with a clean count, and no person asked for it.

  KEYS[1] the deployment's hash
  KEYS[2] the customer's hash
  ARGV[1] prefix   ARGV[2] id   ARGV[3] the instance   ARGV[4] epoch that the caller raised   ARGV[5] now (ms)
  ARGV[6] '1' to count the loss of a holder that was at work as a crash   ARGV[7] reason
  Output: { 'ok', the run that is over } or { 'missing' | 'other' | 'ended' | 'fenced', what is there }
]]
--- @include "_record"

local prefix, id, instance, epoch, now, lost, reason = unpack(ARGV)
local state, holder, run = unpack(redis.call('HMGET', KEYS[1], 'state', 'holder', 'run'))
if not state then return { 'missing', '' } end
if holder ~= instance then return { 'other', holder or '' } end
if not IDLE[state] and not BUSY[state] then return { 'ended', state } end
local current = redis.call('HGET', KEYS[2], 'epoch') or '0'
if current ~= epoch then return { 'fenced', current } end

redis.call('HSET', KEYS[1], 'epoch', epoch, 'reason', reason)
redis.call('HINCRBY', KEYS[1], 'run', 1)
redis.call('HINCRBY', KEYS[1], 'recoveries', 1)
redis.call('HDEL', KEYS[1], 'rows')
if not BUSY[state] then
  redis.call('HSET', KEYS[1], 'holder', '')
  audit(prefix, now, id, state, state, run, instance, reason)
  return { 'ok', run }
end
if lost == '1' then
  redis.call('HINCRBY', KEYS[1], 'crashes', 1)
  count_failure(prefix, { 'WORKER_LOST', 'crash', redis.call('HGET', KEYS[1], 'customer') or '', state, instance })
end
-- What is past the point of no return is no candidate for the front of the queue: it looks at the alias again.
local to = state == 'switching' and 'waiting' or 'queued'
if to == 'waiting' then redis.call('HSET', KEYS[1], 'dueAt', now) else redis.call('HDEL', KEYS[1], 'dueAt') end
move(prefix, id, state, to, now, reason)
return { 'ok', run }
