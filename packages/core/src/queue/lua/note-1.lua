--[[
  Writes fields of a deployment that change no state, such as progress, while the caller still holds it.

  KEYS[1] the deployment's hash
  ARGV[1] run   ARGV[2] epoch   ARGV[3..] field, value, field, value …
  Output: 1 if written, 0 if somebody else holds it
]]
local run, epoch = unpack(redis.call('HMGET', KEYS[1], 'run', 'epoch'))
if run ~= ARGV[1] or epoch ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
return 1
