--[[
  Removes the record of a deployment that ended long ago and whose snapshot is gone, so that Redis does not grow with
  every snapshot there ever was. The audit stream and its files keep the history.

  KEYS[1] the deployment's hash
  KEYS[2] the customer's hash
  ARGV[1] prefix   ARGV[2] id   ARGV[3] states in which it may be removed, as JSON array
  ARGV[4] only if it has not changed since this instant (ms)
  Output: 1 if removed, else 0
]]
local prefix, id, states, before = unpack(ARGV)
local state, changed, customer = unpack(redis.call('HMGET', KEYS[1], 'state', 'changedAt', 'customer'))
if not state or tonumber(changed) > tonumber(before) or redis.call('HGET', KEYS[2], 'head') == id then return 0 end
for _, allowed in ipairs(cjson.decode(states)) do
  if allowed == state then
    redis.call('DEL', KEYS[1])
    redis.call('ZREM', prefix .. ':state:' .. state, id)
    redis.call('ZREM', prefix .. ':history:' .. customer, id)
    return 1
  end
end
return 0
