--[[
  What became of a chunk in hand.

  KEYS[1] the ledger   KEYS[2] the deployment's hash
  ARGV[1] run   ARGV[2] epoch   ARGV[3] number   ARGV[4] the taker's name
  ARGV[5] 'done'; 'back': nothing is said against it; 'failed': it may be tried again; 'fatal': the load has failed by it
  ARGV[6] done: rows that this taker has brought in; failed, back: ms until it may be taken; fatal: the error as JSON
  Output: 'ok', or 'over' | 'missing', or 'lost' where somebody else may have it
]]
--- @include "_ledger"

local run, epoch, number, holder, how, value = unpack(ARGV)
local refused = refusal(KEYS[1], KEYS[2], run, epoch)
if refused then return refused end
if redis.call('HGET', KEYS[1] .. ':holders', number) ~= holder then return 'lost' end
redis.call('ZREM', KEYS[1] .. ':taken', number)
redis.call('HDEL', KEYS[1] .. ':holders', number)
if how == 'done' then
  redis.call('HINCRBY', KEYS[1], 'done', 1)
  redis.call('HSET', KEYS[1] .. ':rows', number, tonumber(redis.call('HGET', KEYS[1] .. ':base', number)) + tonumber(value))
  return 'ok'
end
local now = server_ms()
if how == 'failed' then redis.call('HINCRBY', KEYS[1] .. ':tries', number, 1) end
if how ~= 'fatal' then now = now + tonumber(value) end
redis.call('ZADD', KEYS[1] .. ':todo', text(now), number)
if how == 'fatal' then redis.call('HSETNX', KEYS[1], 'fatal', value) end
return 'ok'
