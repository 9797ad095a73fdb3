-- Shared by the scripts of a shared load's ledger. The record of the deployment decides whether the load goes on; the ledger
-- only says who has what, by the server's clock, and can be made again from the database at any time.

local function server_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function text(number) return string.format('%.0f', number) end

-- Why nothing of the load may be done under this run and epoch, or nothing.
local function refusal(ledger, record, run, epoch)
  local current_run, current_epoch, state = unpack(redis.call('HMGET', record, 'run', 'epoch', 'state'))
  if current_run ~= run or current_epoch ~= epoch or state ~= 'loading' then return 'over' end
  if redis.call('HGET', ledger, 'epoch') ~= epoch then return 'missing' end
end

-- Chunks whose holders have not been heard of in time may be taken by others.
local function take_back(ledger, now)
  for _, number in ipairs(redis.call('ZRANGEBYSCORE', ledger .. ':taken', '-inf', text(now))) do
    redis.call('ZREM', ledger .. ':taken', number)
    redis.call('HDEL', ledger .. ':holders', number)
    redis.call('ZADD', ledger .. ':todo', text(now), number)
  end
end

local PARTS = { '', ':todo', ':taken', ':work', ':rows', ':base', ':holders', ':tries', ':offered', ':offers' }

local function forget(ledger)
  for _, part in ipairs(PARTS) do redis.call('DEL', ledger .. part) end
end

local function keep_alive(ledger, ttl)
  for _, part in ipairs(PARTS) do redis.call('PEXPIRE', ledger .. part, ttl) end
end
