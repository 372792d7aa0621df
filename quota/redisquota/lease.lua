-- Hears what was used of slices, and hands out another: {'ok', now}, or {'ok', now, until when it serves (0: no end), how
-- much of each unit it is}, {'full', now, used of the first limit, when there is room, ...} or {'stale', now}.
-- ARGV: how many slices; for each its ID, its ttl (0: it has ended) and what was used of each unit; then nothing, or the
-- ID of the new one, its ttl, for how long it serves, into how many parts to divide what is left, and the limits, of which
-- at least what is asked is to be in it.
local slices = tonumber(ARGV[1])
local from = 2 + 7 * slices
local id = ARGV[from]
local list = id and limits(from + 4)
if id and not list then
  return {'stale', text(now)}
end

for at = 2, from - 1, 7 do
  local ttl, r = tonumber(ARGV[at + 1]), record(ARGV[at])
  if r then
    correct(r, at + 1)
    if ttl > 0 then
      r[1], r[2] = moment + ttl, ttl
      keep(ARGV[at], r, false)
    else
      forget({ARGV[at]})
    end
  elseif ttl == 0 then
    bury(ARGV[at])
  end
end
if not id then
  finish()
  return {'ok', text(now)}
end

local function unit(name) return tonumber(string.sub(name, 1, 1)) end

local function handed(r, till)
  local much, reply = {0, 0, 0, 0, 0}, {'ok', text(now), text(till)}
  for i = 4, #r, 4 do
    much[unit(r[i])] = r[i + 1]
  end
  for _, n in ipairs(much) do
    reply[#reply + 1] = text(n)
  end
  return reply
end

local twice = record(id)
if twice then
  return handed(twice, now) -- nobody knows whether its windows still are the same
end
local ttl, ahead, parts = tonumber(ARGV[from + 1]), tonumber(ARGV[from + 2]), tonumber(ARGV[from + 3])
local full, till, much = false, 0, {}
for _, l in ipairs(list) do
  look(l)
  local u, left = unit(l.name), l.max - l.used
  full = full or l.asked > left
  much[u] = math.min(much[u] or math.huge, math.floor(left / parts))
  if l.stop then
    till = till == 0 and l.stop or math.min(till, l.stop)
  end
end
if full then
  if slices > 0 or stepped then
    finish()
  end
  return standings('full', list, function(l) return l.asked + l.used - l.max end)
end
for _, l in ipairs(list) do
  l.asked = math.max(l.asked, much[unit(l.name)])
end
local r = charge(list, ttl, ahead)
keep(id, r, false)
finish()
return handed(r, till)
