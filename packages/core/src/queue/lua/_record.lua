-- Shared by the scripts that change records: index moves, the audit stream, and the choice of a customer's head.
-- Keys of other deployments of the customer are made from `prefix`; the hash tag keeps them in one slot.

local function deployment_key(prefix, id)
  return prefix .. ':deployment:' .. id
end

local function audit(prefix, now, id, from, to, run, holder, detail)
  redis.call('XADD', prefix .. ':audit', 'MAXLEN', '~', 100000, '*', 'at', now, 'deployment', id, 'from', from,
    'to', to, 'run', run, 'holder', holder, 'detail', detail)
end

-- What the status counts: arrivals in these states. A rollback's way back to live is no completion.
local COUNTED = { retrying = 'retried', dead = 'failed', live = 'completed' }
local DURATIONS = 1000

local function count_arrival(prefix, key, from, to, now)
  if from == 'replaced' or not COUNTED[to] then return end
  redis.call('HINCRBY', prefix .. ':stats', COUNTED[to], 1)
  local started = to == 'live' and redis.call('HGET', key, 'startedAt')
  if not started then return end
  redis.call('LPUSH', prefix .. ':durations', string.format('%.0f', tonumber(now) - tonumber(started)))
  redis.call('LTRIM', prefix .. ':durations', 0, DURATIONS - 1)
end

-- Moves a record that is known to be in `from`; every change of a state goes through here.
local function move(prefix, id, from, to, now, detail)
  local key = deployment_key(prefix, id)
  redis.call('HSET', key, 'state', to, 'changedAt', now)
  redis.call('ZREM', prefix .. ':state:' .. from, id)
  redis.call('ZADD', prefix .. ':state:' .. to, now, id)
  count_arrival(prefix, key, from, to, now)
  audit(prefix, now, id, from, to, redis.call('HGET', key, 'run'), redis.call('HGET', key, 'holder') or '', detail)
end

local function finish(prefix, id, from, to, now, reason)
  redis.call('HSET', deployment_key(prefix, id), 'reason', reason, 'endedAt', now)
  move(prefix, id, from, to, now, reason)
end

local IDLE = { queued = true, waiting = true, retrying = true }
local BUSY = { gated = true, loading = true, verifying = true, switching = true }

-- The customer's head under the policy newest-first: the newest snapshot that waits. A newer one takes the place of
-- a head that no worker is busy with; the displaced one waits on, in case the newer one fails. What is older than
-- the live snapshot is superseded. Returns the head's id, or '' when nothing waits.
local function choose_head(prefix, customer, now)
  local customer_key = prefix .. ':customer:' .. customer
  local backlog = prefix .. ':backlog:' .. customer
  local live = tonumber(redis.call('HGET', customer_key, 'live') or '0')
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', backlog, '-inf', '(' .. string.format('%.0f', live))) do
    redis.call('ZREM', backlog, id)
    finish(prefix, id, 'discovered', 'superseded', now, string.format('snapshot %.0f is live', live))
  end

  local newest = redis.call('ZREVRANGE', backlog, 0, 0, 'WITHSCORES')
  local head = redis.call('HGET', customer_key, 'head')
  if head then
    local state = redis.call('HGET', deployment_key(prefix, head), 'state')
    if BUSY[state] then return head end
    if IDLE[state] then
      local timestamp = tonumber(redis.call('HGET', deployment_key(prefix, head), 'timestamp'))
      if timestamp < live then
        finish(prefix, head, state, 'superseded', now, string.format('snapshot %.0f is live', live))
      elseif newest[1] and tonumber(newest[2]) > timestamp then
        redis.call('ZADD', backlog, timestamp, head)
        move(prefix, head, state, 'discovered', now, 'a newer snapshot goes first')
      else
        return head
      end
    end
  end
  if not newest[1] then
    redis.call('HDEL', customer_key, 'head')
    return ''
  end
  redis.call('ZREM', backlog, newest[1])
  redis.call('HSET', customer_key, 'head', newest[1])
  move(prefix, newest[1], 'discovered', 'queued', now, 'head of ' .. customer)
  return newest[1]
end
