--[[
  Makes a record again, from what the store knows, that an emptied or shortened Redis lost. One that is there stays,
  unless it is in a state that gives way: then it is made anew with the next run, so that no old job means it. A live one becomes what the customer's older snapshots are measured by.

  KEYS[1] the deployment's hash
  KEYS[2] the customer's hash
  ARGV[1] prefix   ARGV[2] id   ARGV[3] customer   ARGV[4] timestamp (s)   ARGV[5] path   ARGV[6] now (ms)
  ARGV[7] state   ARGV[8] fields to set as a JSON object of strings   ARGV[9] detail for the audit
  ARGV[10] order (see _head.lua)   ARGV[11] states in which a record gives way, as JSON array
  ARGV[12] epoch that the store has seen, below which Redis must not stay
  Output: { 1 if the record was made, else 0; the customer's head or '' }
]]
--- @include "_head"

local prefix, id, customer, timestamp, path, now, state, fields, detail, order, instead, epoch = unpack(ARGV)
if tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0') < tonumber(epoch) then redis.call('HSET', KEYS[2], 'epoch', epoch) end
local there, run = unpack(redis.call('HMGET', KEYS[1], 'state', 'run'))
if there then
  local yields = false
  for _, one in ipairs(cjson.decode(instead)) do yields = yields or one == there end
  if not yields then return { 0, redis.call('HGET', KEYS[2], 'head') or '' } end
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', prefix .. ':state:' .. there, id)
  redis.call('ZREM', prefix .. ':backlog:' .. customer, id)
  if redis.call('HGET', KEYS[2], 'head') == id then redis.call('HDEL', KEYS[2], 'head') end
end
redis.call('HSET', KEYS[1], 'id', id, 'customer', customer, 'timestamp', timestamp, 'path', path, 'run', (run or 0) + 1,
  'discoveredAt', now, 'endedAt', now, 'holder', '')
for field, value in pairs(cjson.decode(fields)) do redis.call('HSET', KEYS[1], field, value) end
redis.call('ZADD', prefix .. ':history:' .. customer, timestamp, id)
redis.call('ZADD', prefix .. ':customers', 0, customer)
move(prefix, id, '', state, now, detail)
if state == 'live' then redis.call('HSET', KEYS[2], 'live', timestamp) end
return { 1, choose_head(prefix, customer, now, order) }
