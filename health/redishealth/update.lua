-- Replaces the state of a subject if it still is what the caller thinks: returns {'set'}, or {'not', what it is}.
-- KEYS: states, changes, idle, gone, meta.
-- ARGV: the subject, its expected state, the new one ('' stands for none in both), the class of those that are forgotten
-- after it when there is no room, for how many milliseconds to keep it, how many subjects there may be (0: any number),
-- how many forgotten ones are remembered, for how many microseconds, and a name for the store should it be empty.
--
-- states   subject -> state
-- changes  subject by its last change, of those in states and of those in gone
-- idle     subject by class and by when it is forgotten, of those in states
-- gone     subject by when it was forgotten: so that it can be told, for a while
-- meta     epoch: the store's name; last: the last change; floor: the last one that is no longer remembered
--
-- Changes are numbered by the server's time in microseconds, or by one more than the last: the numbers go on rising when
-- another server takes over that has not seen the last ones.
local states, changes, idle, gone, meta = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local subject, expected, value = ARGV[1], ARGV[2], ARGV[3]
local class, keep, most = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local mostGone, goneFor = tonumber(ARGV[7]), tonumber(ARGV[8])

local current = redis.call('HGET', states, subject) or ''
if current ~= expected then
  return {'not', current}
end
if value == expected then
  return {'set'}
end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local milli = math.floor(now / 1000)
local last = tonumber(redis.call('HGET', meta, 'last') or 0)

local function text(n) return string.format('%.0f', n) end

local function change(member)
  last = math.max(last + 1, now)
  redis.call('ZADD', changes, text(last), member)
end

local function forget(member)
  redis.call('HDEL', states, member)
  redis.call('ZREM', idle, member)
  change(member)
  redis.call('ZADD', gone, text(last), member)
end

-- A few at a time: an update is never long, and brings at most one.
local few, wide = 16, 1e14 -- wide: how far the classes are apart
for _, c in ipairs({0, 2}) do -- 1 and 3 are disabled and stay
  local over = redis.call('ZRANGEBYSCORE', idle, text(c * wide), text(c * wide + milli), 'LIMIT', 0, few)
  for _, member in ipairs(over) do
    forget(member)
  end
end

if value == '' then
  if redis.call('HEXISTS', states, subject) == 1 then
    forget(subject)
  end
else
  if most > 0 and redis.call('HEXISTS', states, subject) == 0 then
    local excess = redis.call('HLEN', states) + 1 - most
    if excess > 0 then
      for _, member in ipairs(redis.call('ZRANGE', idle, 0, math.min(excess, few) - 1)) do
        forget(member)
      end
    end
  end
  redis.call('HSET', states, subject, value)
  redis.call('ZADD', idle, text(class * wide + milli + keep), subject)
  redis.call('ZREM', gone, subject)
  change(subject)
end

-- More of the forgotten go than an update can bring.
local over = redis.call('ZRANGEBYSCORE', gone, '-inf', text(now - goneFor), 'WITHSCORES', 'LIMIT', 0, 4 * few)
if #over == 0 then
  local excess = redis.call('ZCARD', gone) - mostGone
  if excess > 0 then
    over = redis.call('ZRANGE', gone, 0, math.min(excess, 4 * few) - 1, 'WITHSCORES')
  end
end
for i = 1, #over, 2 do
  redis.call('ZREM', gone, over[i])
  redis.call('ZREM', changes, over[i])
  redis.call('HSET', meta, 'floor', over[i + 1])
end

redis.call('HSET', meta, 'last', text(last))
redis.call('HSETNX', meta, 'epoch', ARGV[9])
return {'set'}
