--[[
  A worker takes a deployment up: it gets a new epoch of the customer, which fences out every earlier holder. A
  holder that is still written there while the deployment was being worked on was lost: that is counted as a crash. A
  claim of one that waits is told in the audit stream when something comes of it.

  KEYS[1] the deployment's hash
  KEYS[2] the customer's hash
  ARGV[1] prefix   ARGV[2] id   ARGV[3] run that the job names   ARGV[4] holder   ARGV[5] now (ms)
  ARGV[6] highest epoch that the store has seen
  Output: { 'claimed', the record as field, value, field, value … } or { 'missing' | 'ended' | 'other-run' | 'not-head' | 'unfit', state,
    run or holder }; an instance that was recovered is unfit: it takes up nothing more
]]
--- @include "_record"

local prefix, id, run, holder, now, floor = unpack(ARGV)
local state, current_run, last_holder = unpack(redis.call('HMGET', KEYS[1], 'state', 'run', 'holder'))
if not state then return { 'missing', '' } end
if current_run ~= run then return { 'other-run', current_run } end
if state == 'discovered' then return { 'not-head', state } end
if not IDLE[state] and not BUSY[state] then return { 'ended', state } end
if redis.call('HEXISTS', prefix .. ':instance:' .. holder, 'fencedAt') == 1 then return { 'unfit', holder } end

if BUSY[state] and last_holder and last_holder ~= '' then
  redis.call('HINCRBY', KEYS[1], 'crashes', 1)
  count_failure(prefix, { 'WORKER_LOST', 'crash', redis.call('HGET', KEYS[1], 'customer') or '', state, last_holder })
end
local epoch = math.max(tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0'), tonumber(floor)) + 1
redis.call('HSET', KEYS[2], 'epoch', epoch)
redis.call('HSET', KEYS[1], 'epoch', epoch, 'holder', holder)
redis.call('HSETNX', KEYS[1], 'startedAt', now)
redis.call('HSET', KEYS[1], 'untold', epoch)
if state ~= 'waiting' then tell_claim(prefix, KEYS[1], id, state, now, true) end
return { 'claimed', redis.call('HGETALL', KEYS[1]) }
