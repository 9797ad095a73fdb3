--[[
  Moves a deployment to another state if it is where the caller believes it to be. The caller has checked the edge
  against the table of transitions.

  KEYS[1] the deployment's hash
  KEYS[2] the customer's hash
  KEYS[3] the reservations
  ARGV[1] prefix   ARGV[2] id   ARGV[3] expected states as JSON array   ARGV[4] expected run, or ''
  ARGV[5] expected epoch, or '' where no holder is involved   ARGV[6] new state   ARGV[7] now (ms)
  ARGV[8] fields to set as a JSON object of strings; false removes   ARGV[9] detail for the audit
  ARGV[10] '' or JSON { database, existing: [names], unnamed: how many more or nothing, max,
    listedAt (server ms), maxLoads or nothing, needs or nothing }: room that the
    new state needs; a reservation that is held is a load under way. `needs` has, in bytes, disk { needed, free },
    memory { needed, free, host } and worker { needed, free, holder }, each or nothing
  ARGV[11] '1' when the deployment starts over (new run)   ARGV[12] '1' when the new state is an end state
  ARGV[13] order (see _head.lua)
  Output: { 'ok', the customer's head or '', run } or { 'missing' | 'state' | 'run' | 'fenced' | 'full' | 'busy',
    what is there } or { 'no-disk' | 'no-memory' | 'no-worker-memory', bytes that others have reserved }
]]
--- @include "_head"
--- @include "_reserved"

local prefix, id, expected, run, epoch, to, now, fields, detail, room, revive, ends, order = unpack(ARGV)
local state, current_run, current_epoch, customer, timestamp =
  unpack(redis.call('HMGET', KEYS[1], 'state', 'run', 'epoch', 'customer', 'timestamp'))
if not state then return { 'missing', '' } end
local known = false
for _, from in ipairs(cjson.decode(expected)) do known = known or from == state end
if not known then return { 'state', state } end
if run ~= '' and current_run ~= run then return { 'run', current_run } end
if epoch ~= '' and (current_epoch or '0') ~= epoch then return { 'fenced', current_epoch or '' } end

if room ~= '' then
  room = cjson.decode(room)
  local names, count, loads = {}, room.unnamed or 0, 0
  for _, name in ipairs(room.existing) do
    names[name] = true
    count = count + 1
  end
  -- A released reservation counts until a listing that began after its release can have seen its database.
  local reserved = redis.call('HGETALL', KEYS[3])
  local taken = { disk = 0, memory = 0, worker = 0 }
  for i = 1, #reserved, 2 do
    if reserved[i + 1] == 'held' and reserved[i] ~= room.database then loads = loads + 1 end
    if room.needs and reserved[i] ~= room.database then
      add_reserved(taken, prefix, reserved[i], reserved[i + 1], room)
    end
    if reserved[i + 1] ~= 'held' and tonumber(reserved[i + 1]) < room.listedAt then
      redis.call('HDEL', KEYS[3], reserved[i])
    elseif not names[reserved[i]] and reserved[i] ~= room.database then
      count = count + 1
    end
  end
  if not names[room.database] and count >= room.max then return { 'full', tostring(count) } end
  if room.maxLoads and loads >= room.maxLoads then return { 'busy', tostring(loads) } end
  local short, amount = first_shortage(taken, room.needs or {})
  if short then return { short, string.format('%.0f', amount) } end
  redis.call('HSET', KEYS[3], room.database, 'held')
end

local changes = cjson.decode(fields)
-- A closed gate is looked at again and again: that is told when the reason becomes another, by other words than numbers.
local function in_words(reason) return (string.gsub(reason or '', '[%d.]+', '0')) end
local waits_on = state == 'waiting' and to == 'waiting' and changes.reason
  and in_words(changes.reason) == in_words(redis.call('HGET', KEYS[1], 'reason') or nil)
tell_claim(prefix, KEYS[1], id, state, now, epoch ~= '' and not waits_on)

local set, removed = {}, {}
for field, value in pairs(changes) do
  if value == false then
    removed[#removed + 1] = field
  else
    set[#set + 1] = field
    set[#set + 1] = value
  end
end
if #set > 0 then redis.call('HSET', KEYS[1], unpack(set)) end
if #removed > 0 then redis.call('HDEL', KEYS[1], unpack(removed)) end
-- The end of the work: what is replaced or retired later has ended before.
if ends == '1' then redis.call('HSETNX', KEYS[1], 'endedAt', now) end
if revive == '1' then
  current_run = tostring(redis.call('HINCRBY', KEYS[1], 'run', 1))
  redis.call('HDEL', KEYS[1], 'attempts', 'crashes', 'error', 'reason', 'startedAt', 'endedAt', 'dueAt', 'rows',
    'chunks', 'chunksTotal', 'loaders', 'estimate', 'outcome', 'reserves')
  redis.call('ZADD', prefix .. ':backlog:' .. customer, timestamp, id)
end
if state == 'discovered' then redis.call('ZREM', prefix .. ':backlog:' .. customer, id) end
move(prefix, id, state, to, now, detail, waits_on)
if to == 'live' then
  -- One record a customer is live: the one before it is replaced in the same breath; what a rollback left has been
  -- moved to rolled-back before.
  local before = redis.call('HGET', KEYS[2], 'live')
  if before and before ~= timestamp then
    local replaced = customer .. '@' .. before
    if redis.call('HGET', deployment_key(prefix, replaced), 'state') == 'live' then
      move(prefix, replaced, 'live', 'replaced', now, 'replaced by ' .. id)
    end
  end
  redis.call('HSET', KEYS[2], 'live', timestamp)
end
-- Between two steps of its worker a deployment stays the head.
if BUSY[state] and BUSY[to] then return { 'ok', '', current_run } end
return { 'ok', choose_head(prefix, customer, now, order), current_run }
