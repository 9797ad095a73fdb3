--[[
  Makes one deployment of a customer its head again where several or none were, and sets what its older snapshots are
  measured by. One that a worker is busy with stays; the idle ones wait behind it. Two that workers are busy with are
  left to a person. For the doctor.

  KEYS[1] the customer's hash
  ARGV[1] prefix   ARGV[2] customer   ARGV[3] now (ms)   ARGV[4] order (see _head.lua)
  ARGV[5] ids of the customer's deployments that were seen under way, as JSON array
  ARGV[6] timestamp of the deployment that was seen live, or ''   ARGV[7] who asks, for the audit
  Output: { the head or '', 'busy' where two are in workers' hands or '', what was changed, a line each … }
]]
--- @include "_head"

local prefix, customer, now, order, ids, live, by = unpack(ARGV)
local backlog = prefix .. ':backlog:' .. customer
local done = {}

local function field(id, name)
  return id and redis.call('HGET', deployment_key(prefix, id), name)
end

local function say(id, line)
  done[#done + 1] = line
  audit(prefix, now, id, '', '', field(id, 'run') or 0, by, 'doctor: ' .. line)
end

local function wait_again(id)
  redis.call('ZADD', backlog, field(id, 'timestamp'), id)
  say(id, id .. ' waits again')
  move(prefix, id, field(id, 'state'), 'discovered', now, 'another is the head of ' .. customer)
end

local mark = customer .. '@' .. live
if live ~= '' and redis.call('HGET', KEYS[1], 'live') ~= live and field(mark, 'state') == 'live' then
  redis.call('HSET', KEYS[1], 'live', live)
  say(mark, 'older snapshots are measured by ' .. live .. ' again')
end

local head = redis.call('HGET', KEYS[1], 'head') or nil
local head_state = field(head, 'state')
local busy = BUSY[head_state] and { head } or {}
for _, id in ipairs(cjson.decode(ids)) do
  if id ~= head and BUSY[field(id, 'state')] then busy[#busy + 1] = id end
end
if #busy > 1 then return { head or '', 'busy', unpack(done) } end

local keeper = busy[1] or (IDLE[head_state] and head) or nil
local before = head
if keeper and keeper ~= head then
  redis.call('HSET', KEYS[1], 'head', keeper)
  say(keeper, keeper .. ' is the head of ' .. customer)
end
-- The one that was called the head until now may not have been seen among the others.
local idle = cjson.decode(ids)
if before then idle[#idle + 1] = before end
for _, id in ipairs(idle) do
  if id ~= keeper and IDLE[field(id, 'state')] then wait_again(id) end
end
local chosen = choose_head(prefix, customer, now, order)
if chosen ~= '' and chosen ~= keeper then done[#done + 1] = chosen .. ' is the head of ' .. customer end
return { chosen, '', unpack(done) }
