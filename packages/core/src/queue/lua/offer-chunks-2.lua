--[[
  Chooses chunks that get a job, as long as no more of them have one, or are in the hands of others, than the limit says.

  KEYS[1] the ledger   KEYS[2] the deployment's hash
  ARGV[1] run   ARGV[2] epoch   ARGV[3] the limit   ARGV[4] how the names of the coordinator's own takings begin
  Output: { number, how many jobs it has had before, number, … }; nothing where the load is over
]]
--- @include "_ledger"

local run, epoch, limit, coordinator = unpack(ARGV)
if refusal(KEYS[1], KEYS[2], run, epoch) or redis.call('HEXISTS', KEYS[1], 'fatal') == 1 then return {} end
local room = tonumber(limit) - redis.call('SCARD', KEYS[1] .. ':offered')
for _, holder in ipairs(redis.call('HVALS', KEYS[1] .. ':holders')) do
  if string.sub(holder, 1, #coordinator) ~= coordinator then room = room - 1 end
end
local chosen = {}
for _, number in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1] .. ':todo', '-inf', text(server_ms()))) do
  if room <= 0 then break end
  if redis.call('SADD', KEYS[1] .. ':offered', number) == 1 then
    room = room - 1
    chosen[#chosen + 1] = number
    chosen[#chosen + 1] = text(redis.call('HINCRBY', KEYS[1] .. ':offers', number, 1))
  end
end
return chosen
