-- Settles a reservation, if it is known: {'ok', now}.
-- ARGV: its ID, and what was used of each unit.
local id = ARGV[1]
local r = record(id)
if r then
  correct(r, 1)
  forget({id})
  finish()
end
return {'ok', text(now)}
