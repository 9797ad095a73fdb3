--[[
  Tells that a chunk is being loaded, and how many rows of it have come in.

  KEYS[1] the ledger   KEYS[2] the deployment's hash
  ARGV[1] run   ARGV[2] epoch   ARGV[3] number   ARGV[4] the taker's name   ARGV[5] how long it has the chunk from now on (ms)
  ARGV[6] rows that this taker has brought in
  Output: 'ok', or 'over' | 'missing', or 'lost' where somebody else may have it
]]
--- @include "_ledger"

local run, epoch, number, holder, lease, rows = unpack(ARGV)
local refused = refusal(KEYS[1], KEYS[2], run, epoch)
if refused then return refused end
if redis.call('HEXISTS', KEYS[1], 'fatal') == 1 then return 'over' end
if redis.call('HGET', KEYS[1] .. ':holders', number) ~= holder then return 'lost' end
redis.call('ZADD', KEYS[1] .. ':taken', text(server_ms() + tonumber(lease)), number)
redis.call('HSET', KEYS[1] .. ':rows', number, tonumber(redis.call('HGET', KEYS[1] .. ':base', number)) + tonumber(rows))
return 'ok'
