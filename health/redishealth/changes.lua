-- Returns a page of what changed: {anew, epoch, last one told, base, more, {subject, state or nil, ...}}.
-- All are text; anew and more are '1' or '0'.
-- KEYS: states, changes, meta.
-- ARGV: the cursor (epoch, last change seen, last change when its list of everything began), and the size of a page.
local states, changes, meta = KEYS[1], KEYS[2], KEYS[3]

local known = redis.call('HMGET', meta, 'epoch', 'last', 'floor')
local epoch, last, floor = known[1] or '', tonumber(known[2] or 0), tonumber(known[3] or 0)
local from, base, anew = tonumber(ARGV[2]), tonumber(ARGV[3]), '0'
-- Of what was forgotten up to the floor nothing is left, so it would go unnoticed by
-- whoever knew of it.
if ARGV[1] ~= epoch or from > last or math.max(from, base) < floor then
  from, base, anew = 0, last, '1'
end

local function text(n) return string.format('%.0f', n) end

local size = tonumber(ARGV[4])
local found = redis.call('ZRANGEBYSCORE', changes, '(' .. text(from), '+inf', 'WITHSCORES', 'LIMIT', 0, size)
local subjects = {}
for i = 1, #found, 2 do
  subjects[#subjects + 1] = found[i]
end
local page, more = {}, '0'
if #subjects > 0 then
  local values = redis.call('HMGET', states, unpack(subjects))
  for i = 1, #subjects do
    -- A list of everything does without what had been forgotten when it began.
    if values[i] or tonumber(found[2 * i]) > base then
      page[#page + 1] = subjects[i]
      page[#page + 1] = values[i]
    end
  end
end
local upto = last
if #subjects == size and tonumber(found[#found]) < last then
  upto, more = tonumber(found[#found]), '1'
end
return {anew, epoch, text(upto), text(base), more, page}
