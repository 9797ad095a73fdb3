--[[
  Gives a lease up, unless it has passed to somebody else.

  KEYS[1] the lease
  ARGV[1] holder
  Output: 1 if it was the caller's, else 0
]]
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
