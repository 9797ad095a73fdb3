--[[
  Gives the caller a new epoch of a customer, above everything that Redis and the store have seen.

  KEYS[1] the customer's hash
  ARGV[1] highest epoch that the store has seen
  Output: the new epoch
]]
local epoch = math.max(tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0'), tonumber(ARGV[1])) + 1
redis.call('HSET', KEYS[1], 'epoch', epoch)
return epoch
