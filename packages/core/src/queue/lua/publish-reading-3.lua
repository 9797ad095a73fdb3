--[[
  Shares a reading of the store with all processes, unless it is older than what is shared already or so old that its
  taker must have slept over it, and gives the lease back. Of a question that got no answer only the short form is kept,
  and only where no answer is shared: one process alone may be cut off.

  KEYS[1] the shared reading   KEYS[2] the lease   KEYS[3] the newest reading in short, which stays
  ARGV[1] reading as JSON, '' for no answer   ARGV[2] its listedAt (server ms)   ARGV[3] ms that it may be used   ARGV[4] greatest age (ms)
  ARGV[5] the caller's name on the lease, or ''   ARGV[6] the reading in short as JSON
  Output: 1 if it is shared, else 0
]]
if ARGV[5] ~= '' and redis.call('GET', KEYS[2]) == ARGV[5] then redis.call('DEL', KEYS[2]) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now - tonumber(ARGV[2]) > tonumber(ARGV[4]) then return 0 end
local shared = tonumber(redis.call('HGET', KEYS[1], 'listedAt') or '0')
if tonumber(ARGV[2]) < shared then return 0 end
if ARGV[1] == '' then
  if shared == 0 then redis.call('SET', KEYS[3], ARGV[6]) end
  return 0
end
redis.call('HSET', KEYS[1], 'listedAt', ARGV[2], 'reading', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('SET', KEYS[3], ARGV[6])
return 1
