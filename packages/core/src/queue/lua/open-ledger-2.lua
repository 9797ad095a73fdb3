--[[
  Makes the ledger of one round of a shared load, in place of what stands there.

  KEYS[1] the ledger   KEYS[2] the deployment's hash
  ARGV[1] run   ARGV[2] epoch   ARGV[3] how long it is kept unless it is looked at (ms)   ARGV[4] what the chunks have in
    common   ARGV[5] chunks that are whole   ARGV[6..] number, work, number, work … of those that are not, the first first
  Output: 'ok' or 'over'
]]
--- @include "_ledger"

local run, epoch, ttl, plan, done = unpack(ARGV, 1, 5)
if refusal(KEYS[1], KEYS[2], run, epoch) == 'over' then return 'over' end
forget(KEYS[1])
redis.call('HSET', KEYS[1], 'run', run, 'epoch', epoch, 'plan', plan, 'done', done)
for index = 6, #ARGV, 2 do
  redis.call('HSET', KEYS[1] .. ':work', ARGV[index], ARGV[index + 1])
  -- Long ago, in their order: all may be taken.
  redis.call('ZADD', KEYS[1] .. ':todo', index, ARGV[index])
end
keep_alive(KEYS[1], ttl)
return 'ok'
