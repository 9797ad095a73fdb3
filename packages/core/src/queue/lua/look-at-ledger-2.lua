--[[
  How far a shared load is. Its coordinator looks all the time, which keeps the ledger.

  KEYS[1] the ledger   KEYS[2] the deployment's hash
  ARGV[1] run   ARGV[2] epoch   ARGV[3] how long it is kept (ms)
  Output: { 'over' | 'missing' } or { 'ok', chunks done since it was opened and before, chunks that nobody has, chunks in hand, rows
    that holders have told of, why the load has failed as JSON or '', holder, holder … }
]]
--- @include "_ledger"

local run, epoch, ttl = unpack(ARGV)
local refused = refusal(KEYS[1], KEYS[2], run, epoch)
if refused then return { refused } end
take_back(KEYS[1], server_ms())
keep_alive(KEYS[1], ttl)
local rows = 0
for _, told in ipairs(redis.call('HVALS', KEYS[1] .. ':rows')) do rows = rows + tonumber(told) end
local done, fatal = unpack(redis.call('HMGET', KEYS[1], 'done', 'fatal'))
local found = {
  'ok', done, redis.call('ZCARD', KEYS[1] .. ':todo'), redis.call('ZCARD', KEYS[1] .. ':taken'), text(rows), fatal or '',
}
local known = {}
for _, holder in ipairs(redis.call('HVALS', KEYS[1] .. ':holders')) do
  if not known[holder] then found[#found + 1] = holder end
  known[holder] = true
end
return found
