-- Settles a reservation, if it is known: {'ok', now}.
-- ARGV: its ID, what was used of each unit, and the IDs of those to cancel.
local id, lost = ARGV[1], ARGV[7]
cancel(lost)
local r = record(id)
if r then
  correct(r, 1)
  forget({id})
end
if r or lost ~= '' then
  finish()
end
return {'ok', text(now)}
