--[[
  Keeps the report of a recovery, the newest so many, and raises or ends the emergency of its instance.

  KEYS[1] the reports, newest first   KEYS[2] emergencies by instance   KEYS[3] counts since the installation began
  ARGV[1] instance   ARGV[2] report as JSON   ARGV[3] reports kept   ARGV[4] 'recovered' or 'failed'
  ARGV[5] emergency as JSON to raise, 'end' to end the one there is, or '' to leave it
  ARGV[6] emergencies kept
  Output: 1 if an emergency ended, else 0
]]
local instance, report, kept, outcome, emergency, most = unpack(ARGV)
redis.call('LPUSH', KEYS[1], report)
redis.call('LTRIM', KEYS[1], 0, tonumber(kept) - 1)
redis.call('HINCRBY', KEYS[3], outcome, 1)
if emergency == '' then return 0 end
if emergency == 'end' then return redis.call('HDEL', KEYS[2], instance) end
-- The system is in EMERGENCY with one as with many.
if redis.call('HEXISTS', KEYS[2], instance) == 1 or redis.call('HLEN', KEYS[2]) < tonumber(most) then
  redis.call('HSET', KEYS[2], instance, emergency)
end
return 0
