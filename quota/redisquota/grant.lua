-- Grants: {'ok', now} or {'stale', now}.
-- KEYS: one more, the name of this grant. ARGV: for how many milliseconds to know it, and the limits.
local list = limits(2)
if not list then
  return {'stale', text(now)}
end
if not redis.call('SET', KEYS[5], '', 'NX', 'PX', ARGV[1]) then
  return {'ok', text(now)} -- sent twice
end
for _, l in ipairs(list) do
  look(l)
  l.asked = -l.asked
end
charge(list, 0, 0)
finish()
return {'ok', text(now)}
