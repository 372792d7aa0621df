-- Renews a reservation: {'ok', now}, or {'none', now} if it has expired.
-- ARGV: its ID and its ttl.
local id, ttl = ARGV[1], tonumber(ARGV[2])
local r = record(id)
if not r or r[1] <= moment then
  return {'none', text(now)}
end
r[1], r[2] = moment + ttl, ttl
keep(id, r, true)
finish()
return {'ok', text(now)}
