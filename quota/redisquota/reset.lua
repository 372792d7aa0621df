-- Forgets what was used: {'ok', now}. What lives gives nothing back later.
redis.call('DEL', COUNTS)
counts, stored, known = {}, {}, nil
epoch = epoch + 1
finish()
return {'ok', text(now)}
