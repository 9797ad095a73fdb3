--[[
  Writes fields of a deployment that change no state, such as progress, while the caller still holds it and it has not
  been ended by somebody else, such as by a cancel.

  KEYS[1] the deployment's hash
  ARGV[1] run   ARGV[2] epoch   ARGV[3] states in which it may be written, as JSON array
  ARGV[4..] field, value, field, value …
  Output: 1 if written, 0 if not
]]
local run, epoch, state = unpack(redis.call('HMGET', KEYS[1], 'run', 'epoch', 'state'))
if run ~= ARGV[1] or epoch ~= ARGV[2] then return 0 end
for _, allowed in ipairs(cjson.decode(ARGV[3])) do
  if allowed == state then
    if #ARGV > 3 then redis.call('HSET', KEYS[1], unpack(ARGV, 4)) end
    return 1
  end
end
return 0
