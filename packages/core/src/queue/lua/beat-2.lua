--[[
  One beat of a living instance, timed by the server's clock, since those of the instances may differ. Instances that
  have been silent for too long are forgotten by the way.

  KEYS[1] the instances by time of their last beat
  KEYS[2] the instance's hash
  ARGV[1] prefix   ARGV[2] id   ARGV[3] how long it has run (ms)   ARGV[4] silence after which it is forgotten (ms)
  ARGV[5..] field, value, field, value …
  Output: the server's time (ms)
]]
local prefix, id, uptime, keep = unpack(ARGV, 1, 4)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now), id)
redis.call('HSET', KEYS[2], 'uptimeMs', uptime, unpack(ARGV, 5))
redis.call('HSETNX', KEYS[2], 'startedAt', string.format('%.0f', now - tonumber(uptime)))
local oldest = string.format('%.0f', now - tonumber(keep))
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. oldest)) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('DEL', prefix .. ':instance:' .. gone)
end
return string.format('%.0f', now)
