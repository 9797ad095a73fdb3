--[[
  Marks an instance as what its silence makes of it, once, however many monitors see it: whoever gets 'marked' tells.
  An instance that beat meanwhile is left alone. Fencing raises its epoch: it may claim nothing, and no late beat brings
  it back.

  KEYS[1] the instances by time of their last beat
  KEYS[2] the instance's hash
  ARGV[1] id   ARGV[2] mark   ARGV[3] least silence (ms); 0 where a person asks
  ARGV[4] '1' to fence it   ARGV[5] '1' to take note that it holds nothing any more
  Output: { 'marked' | 'known' | 'alive' | 'missing', its silence (ms), its epoch }
]]
local RANK = { warning = 1, failed = 2, emergency = 3, recovered = 4 }
local id, mark, least, fence, empty = unpack(ARGV)
local beat = redis.call('ZSCORE', KEYS[1], id)
if not beat or redis.call('EXISTS', KEYS[2]) == 0 then return { 'missing', '0', '0' } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local silent = math.max(0, now - tonumber(beat))
local before, epoch, fenced = unpack(redis.call('HMGET', KEYS[2], 'mark', 'epoch', 'fencedAt'))
epoch = tonumber(epoch or '1')
local answer = string.format('%.0f', silent)
if silent < tonumber(least) then return { 'alive', answer, tostring(epoch) } end

local at = string.format('%.0f', now)
local news = 'known'
if fence == '1' and not fenced then
  epoch = epoch + 1
  redis.call('HSET', KEYS[2], 'epoch', epoch, 'fencedAt', at)
  news = 'marked'
end
if RANK[mark] > (RANK[before] or 0) then
  redis.call('HSET', KEYS[2], 'mark', mark, 'markedAt', at)
  news = 'marked'
end
if empty == '1' then redis.call('HSET', KEYS[2], 'deployments', '', 'chunks', '', 'leases', '', 'active', 0) end
return { news, answer, tostring(epoch) }
