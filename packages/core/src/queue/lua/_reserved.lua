-- What deployments in flight have reserved of disk and memory. It stands in their own records and counts by their states
-- alone: whoever ends, crashes or is taken over leaves nothing behind that would have to be given back.

local LOADING = { gated = true, loading = true }

-- `value` is that of the reservation of the database's room: `held`, or the server time (ms) of its release.
local function add_reserved(taken, prefix, database, value, room)
  local customer, timestamp = string.match(database, '^(.+)%-(%d+)$')
  if not customer then return end
  local state, holder, text =
    unpack(redis.call('HMGET', deployment_key(prefix, customer .. '@' .. timestamp), 'state', 'holder', 'reserves'))
  local known, amounts = pcall(cjson.decode, text or '')
  if not known or type(amounts) ~= 'table' then return end
  local held = value == 'held' and BUSY[state]
  -- What has been written since the disk was read shows in the next reading.
  local unseen = value ~= 'held' and tonumber(value) >= room.listedAt
  if held or unseen then taken.disk = taken.disk + (tonumber(amounts.disk) or 0) end
  -- The loading process ends with its load.
  if not held or not LOADING[state] then return end
  local memory, worker, bytes = room.needs.memory, room.needs.worker, tonumber(amounts.memory) or 0
  if memory and amounts.host == memory.host then taken.memory = taken.memory + bytes end
  if worker and holder == worker.holder then taken.worker = taken.worker + bytes end
end

local function first_shortage(taken, needs)
  for _, one in ipairs({ { 'disk', 'no-disk' }, { 'memory', 'no-memory' }, { 'worker', 'no-worker-memory' } }) do
    local need = needs[one[1]]
    if need and need.free - taken[one[1]] < need.needed then return one[2], taken[one[1]] end
  end
end
