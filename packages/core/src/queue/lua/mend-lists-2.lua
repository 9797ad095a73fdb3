--[[
  Lists a deployment where its record says, and nowhere else; one without a record nowhere. For the doctor.

  KEYS[1] the deployment's hash
  KEYS[2] the customer's hash
  ARGV[1] prefix   ARGV[2] id   ARGV[3] customer   ARGV[4] now (ms)   ARGV[5] all states as JSON array
  ARGV[6] who asks, for the audit
  Output: what was changed, a line each
]]
--- @include "_record"

local prefix, id, customer, now, states, by = unpack(ARGV)
local state, changed, timestamp, run = unpack(redis.call('HMGET', KEYS[1], 'state', 'changedAt', 'timestamp', 'run'))
local known, done = not state and redis.call('EXISTS', KEYS[1]) == 0, {}
for _, one in ipairs(cjson.decode(states)) do known = known or one == state end
-- A record of another version is none that can be judged.
if not known or (state and not (tonumber(changed) and tonumber(timestamp))) then return {} end

local function list(key, belongs, score, name)
  local stands = redis.call('ZSCORE', key, id)
  if belongs and not stands then
    redis.call('ZADD', key, score, id)
    done[#done + 1] = 'listed it ' .. name
  elseif stands and not belongs then
    redis.call('ZREM', key, id)
    done[#done + 1] = 'no longer listed it ' .. name
  end
end

for _, one in ipairs(cjson.decode(states)) do
  list(prefix .. ':state:' .. one, one == state, changed, 'as ' .. one)
end
list(prefix .. ':history:' .. customer, state and true, timestamp, 'among its customer\'s deployments')
list(prefix .. ':backlog:' .. customer, state == 'discovered', timestamp, 'in its customer\'s backlog')
if state then redis.call('ZADD', prefix .. ':customers', 0, customer) end
if not state and redis.call('HGET', KEYS[2], 'head') == id then
  redis.call('HDEL', KEYS[2], 'head')
  done[#done + 1] = 'no longer called it the head of ' .. customer
end
if #done > 0 then audit(prefix, now, id, '', '', run or 0, by, 'doctor: ' .. table.concat(done, ', ')) end
return done
