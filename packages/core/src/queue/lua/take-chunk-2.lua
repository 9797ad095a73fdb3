--[[
  Takes a chunk: the one that a job names, or any, one without a job first.

  KEYS[1] the ledger   KEYS[2] the deployment's hash
  ARGV[1] prefix   ARGV[2] run   ARGV[3] epoch   ARGV[4] number, or ''   ARGV[5] the taker's name for this time
  ARGV[6] its instance   ARGV[7] how long it has the chunk unless it tells of it (ms)
  Output: { 'taken', number, its work, what the chunks have in common, tries that failed } or { 'over' | 'missing' | 'none' |
    'done' | 'busy' } or { 'early', ms until it may be taken }; an instance that was recovered takes nothing
]]
--- @include "_ledger"

local prefix, run, epoch, number, holder, instance, lease = unpack(ARGV)
local refused = refusal(KEYS[1], KEYS[2], run, epoch)
if refused then return { refused } end
if redis.call('HEXISTS', KEYS[1], 'fatal') == 1 then return { 'over' } end
if redis.call('HEXISTS', prefix .. ':instance:' .. instance, 'fencedAt') == 1 then return { 'over' } end
local now = server_ms()
take_back(KEYS[1], now)
if number == '' then
  local due = redis.call('ZRANGEBYSCORE', KEYS[1] .. ':todo', '-inf', text(now))
  number = due[1]
  for _, one in ipairs(due) do
    if redis.call('SISMEMBER', KEYS[1] .. ':offered', one) == 0 then
      number = one
      break
    end
  end
  if not number then return { 'none' } end
else
  local free = redis.call('ZSCORE', KEYS[1] .. ':todo', number)
  if not free then return { redis.call('ZSCORE', KEYS[1] .. ':taken', number) and 'busy' or 'done' } end
  if tonumber(free) > now then return { 'early', text(tonumber(free) - now) } end
end
redis.call('ZREM', KEYS[1] .. ':todo', number)
redis.call('SREM', KEYS[1] .. ':offered', number)
redis.call('ZADD', KEYS[1] .. ':taken', text(now + tonumber(lease)), number)
redis.call('HSET', KEYS[1] .. ':holders', number, holder)
-- What others have brought in of it before counts too.
redis.call('HSET', KEYS[1] .. ':base', number, redis.call('HGET', KEYS[1] .. ':rows', number) or '0')
return {
  'taken', number, redis.call('HGET', KEYS[1] .. ':work', number), redis.call('HGET', KEYS[1], 'plan'),
  redis.call('HGET', KEYS[1] .. ':tries', number) or '0',
}
