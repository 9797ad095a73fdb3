-- Shared by the scripts that change records: index moves, the audit stream, and the choice of a customer's head.
-- Keys of other deployments of the customer are made from `prefix`; the hash tag keeps them in one slot.

local function deployment_key(prefix, id)
  return prefix .. ':deployment:' .. id
end

local function audit(prefix, now, id, from, to, run, holder, detail)
  redis.call('XADD', prefix .. ':audit', 'MAXLEN', '~', 100000, '*', 'at', now, 'deployment', id, 'from', from,
    'to', to, 'run', run, 'holder', holder, 'detail', detail)
end

-- Tells of the claim under which a deployment that waited goes on; while it only waits, each look at it is a claim.
local function tell_claim(prefix, key, id, state, now, goes_on)
  local claim, run, holder = unpack(redis.call('HMGET', key, 'untold', 'run', 'holder'))
  if not claim then return end
  redis.call('HDEL', key, 'untold')
  if goes_on then audit(prefix, now, id, state, state, run, holder or '', 'claimed under epoch ' .. claim) end
end

local IDLE = { queued = true, waiting = true, retrying = true }
local BUSY = { gated = true, loading = true, verifying = true, switching = true }

-- What the status counts: arrivals in these states. A rollback's way back to live is no completion, and a record that
-- is made again from the store (from '') has been counted before.
local COUNTED = { retrying = 'retried', dead = 'failed', live = 'completed' }
local DURATIONS = 1000

local function count_arrival(prefix, key, from, to, now)
  if from == '' or from == 'replaced' or not COUNTED[to] then return end
  redis.call('HINCRBY', prefix .. ':stats', COUNTED[to], 1)
  local started = to == 'live' and redis.call('HGET', key, 'startedAt')
  if not started then return end
  redis.call('LPUSH', prefix .. ':durations', string.format('%.0f', tonumber(now) - tonumber(started)))
  redis.call('LTRIM', prefix .. ':durations', 0, DURATIONS - 1)
end

-- Failures by hour and by day, for their patterns: a hash of counts by kind, which ends with its time. One that is full
-- counts new kinds as one. The server's clock names the bucket, since those of the instances may differ.
local FAILED = { retrying = true, dead = true, quarantined = true }
local MOST_KINDS = 1000

local function count_failure(prefix, kind)
  local now = tonumber(redis.call('TIME')[1])
  local field = cjson.encode(kind)
  for name, seconds in pairs({ hour = 3600, day = 86400 }) do
    local key = prefix .. ':failures:' .. name .. ':' .. string.format('%.0f', math.floor(now / seconds))
    if redis.call('HLEN', key) >= MOST_KINDS and redis.call('HEXISTS', key, field) == 0 then
      redis.call('HINCRBY', key, '["other","","","",""]', 1)
    else
      redis.call('HINCRBY', key, field, 1)
    end
    -- Two days of hours, a month of days.
    redis.call('EXPIRE', key, name == 'hour' and 49 * 3600 or 31 * 86400)
  end
end

-- `kind` is what failed: code, class, customer, step, instance.
local function count_failed_step(prefix, key, from, to)
  if from == '' or not FAILED[to] then return end
  local text, customer, holder = unpack(redis.call('HMGET', key, 'error', 'customer', 'holder'))
  local known, failure = pcall(cjson.decode, text or '')
  if not known or type(failure) ~= 'table' then failure = {} end
  count_failure(prefix, { failure.code or 'INTERNAL', failure.class or 'retryable', customer or '', from, holder or '' })
end

-- Nobody holds the deployment any more, and its database needs no reserved room. The room counts until a listing
-- that began after this moment, by the server's clock: the workers' clocks may differ.
local function let_go(prefix, key)
  redis.call('HSET', key, 'holder', '')
  local database = redis.call('HGET', key, 'database')
  local reservations = prefix .. ':reservations'
  if not database or redis.call('HGET', reservations, database) ~= 'held' then return end
  local time = redis.call('TIME')
  local released = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  redis.call('HSET', reservations, database, released)
end

-- Moves a record that is known to be in `from`; every change of a state goes through here. `unchanged`: it waits on as
-- it did, which is nothing to tell.
local function move(prefix, id, from, to, now, detail, unchanged)
  local key = deployment_key(prefix, id)
  if unchanged then return let_go(prefix, key) end
  redis.call('HSET', key, 'state', to, 'changedAt', now)
  local run, holder = unpack(redis.call('HMGET', key, 'run', 'holder'))
  redis.call('ZREM', prefix .. ':state:' .. from, id)
  redis.call('ZADD', prefix .. ':state:' .. to, now, id)
  count_arrival(prefix, key, from, to, now)
  count_failed_step(prefix, key, from, to)
  audit(prefix, now, id, from, to, run, holder or '', detail)
  if not BUSY[to] then let_go(prefix, key) end
end

local function finish(prefix, id, from, to, now, reason)
  redis.call('HSET', deployment_key(prefix, id), 'reason', reason, 'endedAt', now)
  move(prefix, id, from, to, now, reason)
end
