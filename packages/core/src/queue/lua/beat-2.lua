--[[
  One beat of a living instance, timed by the server's clock, since those of the instances may differ. Instances that
  have been silent for too long are forgotten by the way. One that was recovered meanwhile has a higher epoch here than
  its process knows of: its late beat changes nothing.

  KEYS[1] the instances by time of their last beat
  KEYS[2] the instance's hash
  ARGV[1] prefix   ARGV[2] id   ARGV[3] how long it has run (ms)   ARGV[4] silence after which it is forgotten (ms)
  ARGV[5] its epoch   ARGV[6] how long ago its last beat was by its own clock (ms)
  ARGV[7..] field, value, field, value …
  Output: { 'ok', what monitors had marked it as, or '' } or { 'recovered', epoch in force } or { 'forgotten', '' }
]]
local prefix, id, uptime, keep, epoch, quiet = unpack(ARGV, 1, 6)
local known, mark = unpack(redis.call('HMGET', KEYS[2], 'epoch', 'mark'))
if known and tonumber(known) > tonumber(epoch) then return { 'recovered', known } end
-- Whoever slept as long as it takes to be forgotten may have been recovered before that.
if not known and tonumber(quiet) >= tonumber(keep) then return { 'forgotten', '' } end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local leases = {}
for _, name in ipairs({ 'status-writer', 'audit-lease' }) do
  if redis.call('GET', prefix .. ':' .. name) == id then leases[#leases + 1] = name end
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now), id)
redis.call('HSET', KEYS[2], 'uptimeMs', uptime, 'epoch', epoch, 'leases', table.concat(leases, ' '), unpack(ARGV, 7))
redis.call('HSETNX', KEYS[2], 'startedAt', string.format('%.0f', now - tonumber(uptime)))
redis.call('HDEL', KEYS[2], 'mark', 'markedAt')
local oldest = string.format('%.0f', now - tonumber(keep))
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. oldest)) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('DEL', prefix .. ':instance:' .. gone)
end
return { 'ok', mark or '' }
