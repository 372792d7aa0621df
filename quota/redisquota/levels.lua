-- Looks: {'ok', now, used of the first limit, when it will be empty, ...} or {'stale', now}. It writes nothing.
-- ARGV: the limits.
local list = limits(1)
if not list then
  return {'stale', text(now)}
end
for _, l in ipairs(list) do
  look(l)
end
return standings('ok', list, function(l) return l.used end)
