--[[
  Forgets a ledger, unless a newer coordinator has made it anew.

  KEYS[1] the ledger
  ARGV[1] epoch
  Output: numbers of chunks that still have a job
]]
--- @include "_ledger"

if tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0') > tonumber(ARGV[1]) then return {} end
local offered = redis.call('SMEMBERS', KEYS[1] .. ':offered')
forget(KEYS[1])
return offered
