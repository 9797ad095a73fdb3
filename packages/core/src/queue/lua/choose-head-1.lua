--[[
  Chooses a customer's head again, for the sweep: mends a caller that died between two steps.

  KEYS[1] the customer's hash
  ARGV[1] prefix   ARGV[2] customer   ARGV[3] now (ms)   ARGV[4] order (see _head.lua)
  Output: the head's id or ''
]]
--- @include "_head"
return choose_head(ARGV[1], ARGV[2], ARGV[3], ARGV[4])
