--[[
  Makes the record of a snapshot, once, however many producers find it, and chooses the customer's head.

  KEYS[1] the deployment's hash
  KEYS[2] the customer's hash
  ARGV[1] prefix   ARGV[2] id   ARGV[3] customer   ARGV[4] timestamp (s)   ARGV[5] path   ARGV[6] now (ms)
  ARGV[7] error record as JSON for a snapshot that is dead on arrival, or ''   ARGV[8] order (see _head.lua)
  Output: { 1 if the record was made, else 0; the customer's head or '' }
]]
--- @include "_head"

local prefix, id, customer, timestamp, path, now, failure, order = unpack(ARGV)
if redis.call('EXISTS', KEYS[1]) == 1 then
  return { 0, redis.call('HGET', KEYS[2], 'head') or '' }
end
redis.call('HSET', KEYS[1], 'id', id, 'customer', customer, 'timestamp', timestamp, 'path', path, 'run', 1,
  'discoveredAt', now, 'holder', '')
redis.call('ZADD', prefix .. ':history:' .. customer, timestamp, id)
redis.call('ZADD', prefix .. ':customers', 0, customer)
redis.call('HINCRBY', prefix .. ':stats', 'discovered', 1)
move(prefix, id, '', 'discovered', now, path)

local live = redis.call('HGET', KEYS[2], 'live')
if failure ~= '' then
  redis.call('HSET', KEYS[1], 'error', failure)
  finish(prefix, id, 'discovered', 'dead', now, cjson.decode(failure).message)
elseif live and tonumber(timestamp) < tonumber(live) then
  finish(prefix, id, 'discovered', 'skipped', now, 'older than snapshot ' .. live .. ', which is live')
else
  redis.call('ZADD', prefix .. ':backlog:' .. customer, timestamp, id)
end
return { 1, choose_head(prefix, customer, now, order) }
