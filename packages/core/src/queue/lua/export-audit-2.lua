--[[
  The lease of who exports the audit stream, and the mark of what is exported, which only its holder moves.

  KEYS[1] the lease
  KEYS[2] the mark's hash
  ARGV[1] 'hold' (takes a free lease, or keeps one's own), 'mark' (keeps one's own and moves the mark) or 'release'
  ARGV[2] holder   ARGV[3] lease in ms   ARGV[4] incarnation of Redis   ARGV[5] id of the last exported entry
  Output: 1 if the caller held the lease, or has it now; else 0
]]
local act, holder, lease, incarnation, id = unpack(ARGV)
local current = redis.call('GET', KEYS[1])
if current and current ~= holder then return 0 end
if not current and act ~= 'hold' then return 0 end
if act == 'release' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], holder, 'PX', lease)
if act == 'mark' then redis.call('HSET', KEYS[2], 'incarnation', incarnation, 'id', id) end
return 1
