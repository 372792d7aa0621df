-- What every script of the store begins with.
-- KEYS: counts, records, live, kept: those of one key of the quota.
--
-- counts   name of a count -> the count; "epoch" -> how often everything was forgotten; "clock" -> the server's time and
--          that of reservations when somebody last wrote here
-- records  reservation -> {due, ttl, epoch, name of a count, estimate, mark, length, ...}: four for each count
-- live     reservation by when it expires
-- kept     reservation by when it is forgotten
--
-- A count's name is its unit, a space and its window, such as "1 rolling/1m0s". A count is, by the window's kind,
--   rolling  {length, grain, number of a slot, spent in it, ...}: the slots oldest first
--   total    {sum}
--   others   {start, end, sum, time of a late debt, the debt, ...}: late are those that were settled after the end, when
--            nobody said which window it was; whoever does the next time finds out which of them count
-- Counts and records are packed. All times are microseconds on the server's clock; those of reservations on one that goes
-- with it but never back: put back, it stands still for that step.
local COUNTS, RECORDS, LIVE, KEPT = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local INFLIGHT = '6'
local MOST = 9007199254740992 -- 2^53, and all above: too much
local SLOTS = 60              -- of a rolling window
local LATE = 16               -- debts remembered apart
local FEW = 32                -- reservations forgotten in a call, which brings one at most
local KEEP = 3600e6           -- for how long a window is remembered after its end, should the clock be put back
local BURIED = 60e6           -- for how long it is remembered that one was canceled of which the server did not know
local DAY = 86400e6
local LONGEST = {d = 3 * DAY, w = 10 * DAY, m = 34 * DAY} -- more than a window of the kind ever lasts

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local moment = now -- on the clock of reservations

local counts, stored, dirty = {}, {}, {}
local stepped = false -- the clock was put back: a refusal is kept too, or time would not go on
local epoch, known = 0, nil -- known: the one that is stored
local ticked = false -- the clock is stored
do
  local all = redis.call('HGETALL', COUNTS)
  for i = 1, #all, 2 do
    if all[i] == 'epoch' then
      known = tonumber(all[i + 1])
      epoch = known
    elseif all[i] == 'clock' then
      local was, own = string.match(all[i + 1], '(%d+) (%d+)')
      ticked, stepped = true, now < tonumber(was)
      moment = own + math.max(0, now - was)
    else
      counts[all[i]], stored[all[i]] = cmsgpack.unpack(all[i + 1]), true
    end
  end
end

local function text(n) return string.format('%.0f', n) end

local function kind(name) return string.sub(name, 3, 3) end

local function plus(a, b) return math.max(-MOST, math.min(MOST, a + b)) end

-- book adds what was spent or takes off what is below 0. Too much stays too much, since nobody knows by how much it was.
local function book(sum, n)
  if n < 0 and sum == MOST then
    return sum
  end
  return plus(sum, n)
end

local function count(name, length)
  if not counts[name] then
    local k = kind(name)
    if k == 'r' then
      counts[name] = {length, math.ceil(length / SLOTS)}
    elseif k == 't' then
      counts[name] = {0}
    else
      counts[name] = {0, 0, 0}
    end
  end
  return counts[name]
end

-- reanchored is for a clock that was put back by more than a window: the count goes on with all that was spent, and what
-- was reserved before gives nothing back any more.
local function reanchored(name)
  epoch, dirty[name], stepped = epoch + 1, true, true
end

local function leaves(c, i) return (c[i] + 1) * c[2] + c[1] end

-- roll drops the slots that have left the window.
local function roll(name, c)
  local length, grain, size = c[1], c[2], #c
  if size > 2 and c[size - 1] * grain > now + length + grain then
    local shift = c[size - 1] - math.floor(now / grain)
    for i = 3, size, 2 do
      c[i] = c[i] - shift
    end
    reanchored(name)
  end
  local from = 3
  while from < size and leaves(c, from) <= now do
    from = from + 2
  end
  if from > 3 then
    for i = 3, size do
      c[i] = c[i + from - 3]
    end
  end
end

-- turn goes to the window that is now. A clock that was put back stays in the one it had reached.
local function turn(name, c, start, stop)
  if now >= c[2] then
    local sum = 0
    for i = #c, 4, -2 do
      if c[i - 1] >= start then
        sum = plus(sum, c[i])
      end
      c[i], c[i - 1] = nil, nil
    end
    c[1], c[2], c[3] = start, stop, sum
  elseif stop < c[1] then
    c[1], c[2] = start, stop
    reanchored(name)
  end
end

-- limits are those of the arguments from one on, six for each: name, max, asked, and the window's length, or the start of
-- the window, its end, and the end of the next. nil: it is none of the two.
local function limits(from)
  local list = {}
  for i = from, #ARGV, 6 do
    local x, y, z = tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])
    local l = {name = ARGV[i], max = tonumber(ARGV[i + 1]), asked = tonumber(ARGV[i + 2]), length = x}
    if z > 0 then
      if now < x or now >= z then
        return nil
      end
      l.length, l.start, l.stop = 0, x, y
      if now >= y then
        l.start, l.stop = y, z
      end
    end
    list[#list + 1] = l
  end
  return list
end

-- look finds what is used of a limit.
local function look(l)
  if l.name == INFLIGHT then
    l.used = redis.call('ZCOUNT', LIVE, '(' .. text(moment), '+inf')
    return
  end
  local c, k = count(l.name, l.length), kind(l.name)
  l.count = c
  if k == 't' then
    l.used = c[1]
  elseif k == 'r' then
    roll(l.name, c)
    l.used = 0
    for i = 4, #c, 2 do
      l.used = book(l.used, c[i])
    end
  else
    turn(l.name, c, l.start, l.stop)
    l.used = c[3]
  end
end

-- room is when what is used will have fallen by so much; 0: nobody knows.
local function room(l, over)
  local k = kind(l.name)
  if l.name == INFLIGHT or k == 't' then
    return 0
  elseif k ~= 'r' then
    return l.count[2]
  end
  local c, fallen = l.count, 0
  for i = 3, #c, 2 do
    fallen = plus(fallen, c[i + 1])
    if fallen >= over then
      return leaves(c, i)
    end
  end
  return 0
end

-- spend books n now, or so much later, and returns the mark by which it is found again.
local function spend(name, c, n, ahead)
  local k = kind(name)
  if n ~= 0 then
    dirty[name] = true
  end
  if k == 't' then
    c[1] = book(c[1], n)
    return 0
  end
  if k == 'r' then
    roll(name, c)
    local number, size = math.floor((now + ahead) / c[2]), #c
    if size > 2 and c[size - 1] >= number then
      c[size] = book(c[size], n)
      return c[size - 1]
    end
    if n ~= 0 then
      c[size + 1], c[size + 2] = number, n
    end
    return number
  end
  if now < c[2] then
    c[3] = book(c[3], n)
    return c[1]
  end
  local size = #c
  if size < 3 + 2 * LATE then
    c[size + 1], c[size + 2] = now, n
  else
    c[size - 1], c[size] = now, plus(c[size], n)
  end
  return 0
end

-- refund takes n off where it was spent, if that still counts.
local function refund(name, c, n, mark)
  local k = kind(name)
  if k == 't' then
    c[1], dirty[name] = book(c[1], -n), true
  elseif k == 'r' then
    for i = #c - 1, 3, -2 do
      if c[i] == mark then
        c[i + 1], dirty[name] = book(c[i + 1], -n), true
        return
      end
    end
  elseif c[1] == mark then
    c[3], dirty[name] = book(c[3], -n), true
  end
end

-- charge spends what is asked, in each count once, and returns the record of it.
local function charge(list, ttl, ahead)
  local charged, marks = {}, {}
  for _, l in ipairs(list) do
    if l.name ~= INFLIGHT and not charged[l.name] then
      charged[l.name] = true
      local mark = spend(l.name, l.count, l.asked, ahead)
      for _, part in ipairs({l.name, l.asked, mark, l.length}) do
        marks[#marks + 1] = part
      end
    end
  end
  return {moment + ttl, ttl, epoch, unpack(marks)}
end

-- correct replaces the estimates of a record by what was used of each unit: of unit 1 that of the first argument after at;
-- nil: nothing was used.
local function correct(r, at)
  for i = 4, #r, 4 do
    local name, n = r[i], at and tonumber(ARGV[at + tonumber(string.sub(r[i], 1, 1))]) or 0
    local more, c = n - r[i + 1], count(name, r[i + 3])
    if more > 0 then
      spend(name, c, more, 0)
    elseif more < 0 and r[3] == epoch then
      refund(name, c, -more, r[i + 2])
    end
    r[i + 1] = n
  end
end

-- record is what is known of a reservation that is not forgotten.
local function record(id)
  local packed = redis.call('HGET', RECORDS, id)
  local r = packed and cmsgpack.unpack(packed)
  if r and r[1] + r[2] > moment then
    return r
  end
end

-- keep keeps a record; live: it is in flight.
local function keep(id, r, live)
  redis.call('HSET', RECORDS, id, cmsgpack.pack(r))
  if live then
    redis.call('ZADD', LIVE, text(r[1]), id)
  end
  redis.call('ZADD', KEPT, text(r[1] + r[2]), id)
end

local function forget(ids)
  redis.call('HDEL', RECORDS, unpack(ids))
  redis.call('ZREM', LIVE, unpack(ids))
  redis.call('ZREM', KEPT, unpack(ids))
end

-- bury has a reservation that comes late, since it was overtaken, find that it was made already, of nothing.
local function bury(id) keep(id, {moment, BURIED, epoch}, false) end

-- cancel gives back reservations of which nobody heard, by their IDs with spaces between.
local function cancel(ids)
  for id in string.gmatch(ids, '%S+') do
    local r = record(id)
    if r then
      correct(r, nil)
      forget({id})
    end
    bury(id)
  end
end

-- matters is until when a count does.
local function matters(name, c)
  local k = kind(name)
  if k == 't' then
    return c[1] ~= 0 and math.huge or 0
  elseif k == 'r' then
    return #c > 2 and leaves(c, #c - 1) or 0
  end
  return math.max(c[2] + KEEP, #c > 3 and c[#c - 1] + LONGEST[k] or 0)
end

-- finish stores what was changed, forgets what is over, and has Redis forget the rest in time.
local function finish()
  local over = redis.call('ZRANGEBYSCORE', KEPT, '-inf', text(moment), 'LIMIT', 0, FEW)
  if #over > 0 then
    forget(over)
  end
  local last = redis.call('ZRANGE', KEPT, -1, -1, 'WITHSCORES')
  local kept = last[2] and last[2] - moment + now or 0 -- by the server's clock
  local horizon = kept
  for name, c in pairs(counts) do
    local till = matters(name, c)
    if till <= now then
      if stored[name] then
        redis.call('HDEL', COUNTS, name)
      end
    elseif dirty[name] or stored[name] then
      if dirty[name] then
        redis.call('HSET', COUNTS, name, cmsgpack.pack(c))
      end
      horizon = math.max(horizon, till)
    end
  end
  if kept > 0 and epoch ~= (known or 0) then
    redis.call('HSET', COUNTS, 'epoch', text(epoch))
  end
  if kept > 0 then
    redis.call('HSET', COUNTS, 'clock', text(now) .. ' ' .. text(moment))
  elseif known or ticked then
    redis.call('HDEL', COUNTS, 'epoch', 'clock')
  end
  if horizon == math.huge then
    redis.call('PERSIST', COUNTS)
  else
    redis.call('PEXPIREAT', COUNTS, text(math.ceil(horizon / 1000)))
  end
  if kept > 0 then
    for _, key in ipairs({RECORDS, LIVE, KEPT}) do
      redis.call('PEXPIREAT', key, text(math.ceil(kept / 1000)))
    end
  end
end

-- standings are what is used of each limit, and when there is room for so much more than there is.
local function standings(word, list, over)
  local reply = {word, text(now)}
  for _, l in ipairs(list) do
    local n = over(l)
    reply[#reply + 1] = text(l.used)
    reply[#reply + 1] = text(n > 0 and room(l, n) or 0)
  end
  return reply
end
