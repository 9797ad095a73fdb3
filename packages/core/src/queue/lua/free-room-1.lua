--[[
  Gives room back that no deployment under way holds, and forgets what was given back long ago. For the doctor.

  KEYS[1] the reservations
  ARGV[1] prefix   ARGV[2] database   ARGV[3] id of its deployment, or ''   ARGV[4] now (ms)
  ARGV[5] ms after which every listing has seen what was given back   ARGV[6] who asks, for the audit
  Output: 'released', 'forgotten', or '' where nothing was to do
]]
--- @include "_record"

local prefix, database, id, now, listed, by = unpack(ARGV)
local value = redis.call('HGET', KEYS[1], database)
if not value then return '' end
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local subject = id ~= '' and id or database
if value ~= 'held' then
  -- A listing that is older than this is used by nobody.
  if server - (tonumber(value) or 0) < tonumber(listed) then return '' end
  redis.call('HDEL', KEYS[1], database)
  audit(prefix, now, subject, '', '', 0, by, 'doctor: forgot the room for ' .. database .. ', which was given back')
  return 'forgotten'
end
if id ~= '' and BUSY[redis.call('HGET', deployment_key(prefix, id), 'state')] then return '' end
redis.call('HSET', KEYS[1], database, string.format('%.0f', server))
audit(prefix, now, subject, '', '', 0, by, 'doctor: gave the room for ' .. database .. ' back')
return 'released'
