-- Reserves: {'ok', now}, {'full', now, used of the first limit, when there is room, ...} or {'stale', now}.
-- ARGV: the reservation's ID, its ttl, the IDs of those to cancel, the limits. One that is already there was sent twice.
local id, ttl, lost = ARGV[1], tonumber(ARGV[2]), ARGV[3]
if redis.call('HEXISTS', RECORDS, id) == 1 then
  return {'ok', text(now)}
end
local list = limits(4)
if not list then
  return {'stale', text(now)}
end
cancel(lost)
local full = false
for _, l in ipairs(list) do
  look(l)
  full = full or l.asked > l.max - l.used
end
if full then
  if stepped or lost ~= '' then
    finish()
  end
  return standings('full', list, function(l) return l.asked + l.used - l.max end)
end
keep(id, charge(list, ttl, 0), true)
finish()
return {'ok', text(now)}
