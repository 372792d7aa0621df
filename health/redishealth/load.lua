-- Returns the states of subjects, in their order; nil: not known.
-- KEYS: states. ARGV: the subjects.
local values = {}
for first = 1, #ARGV, 1000 do -- unpack has room for some thousands
  local part = redis.call('HMGET', KEYS[1], unpack(ARGV, first, math.min(first + 999, #ARGV)))
  for i = 1, #part do
    values[first + i - 1] = part[i]
  end
end
return values
