--[[
  Takes the outcome of a load into what estimates are multiplied by: a weighted mean of ratios, in which a half and a
  double even out. The newest counts for three tenths, the first few for more.

  KEYS[1] the lessons: store kind, size class and measure → JSON { factor, loads, at (server ms) }
  ARGV[1] ms after which a lesson is forgotten   ARGV[2] least factor   ARGV[3] greatest
  ARGV[4..] field, outcome through first value, field, …
  Output: how many were taken in
]]
local kept, least, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local taken = 0
for i = 4, #ARGV, 2 do
  local seen = math.min(most, math.max(least, tonumber(ARGV[i + 1])))
  local known, before = pcall(cjson.decode, redis.call('HGET', KEYS[1], ARGV[i]) or '')
  if not known or type(before) ~= 'table' or type(before.factor) ~= 'number' or type(before.at) ~= 'number'
    or now - before.at > kept then before = { factor = 1, loads = 0 } end
  local loads = (tonumber(before.loads) or 0) + 1
  local weight = math.max(0.3, 1 / (loads + 1))
  local factor = math.exp((1 - weight) * math.log(math.min(most, math.max(least, before.factor))) + weight * math.log(seen))
  local lesson = string.format('{"factor":%.4f,"loads":%.0f,"at":%.0f}', factor, math.min(loads, 1000), now)
  redis.call('HSET', KEYS[1], ARGV[i], lesson)
  taken = taken + 1
end
-- All of them go when nothing is loaded for so long.
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return taken
