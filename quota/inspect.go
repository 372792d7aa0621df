package quota

import "context"

// Levels implements [Inspector].
func (m *Memory) Levels(ctx context.Context, key string, limits []Limit) ([]Level, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := validateKey(key); err != nil {
		return nil, err
	}
	if err := validateLimits(key, limits); err != nil {
		return nil, err
	}
	now := m.now()
	sh := &m.shards[m.shardOf(key)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	l := sh.ledgers[key]
	if l == nil {
		l = &ledger{}
	}
	now = l.now(now)
	l.expire(now, sh.forget)
	levels := make([]Level, len(limits))
	for i, limit := range limits {
		used := l.level(limit, now)
		levels[i] = Level{Limit: limit, Used: used, Left: max(0, limit.Max-used)}
		if limit.Unit != InFlight && used > 0 {
			if at, ok := l.counter(limit).tally.roomAt(used); ok {
				levels[i].EmptyAt = m.time(at)
			}
		}
	}
	return levels, nil
}

// Reset implements [Inspector].
func (m *Memory) Reset(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := validateKey(key); err != nil {
		return err
	}
	sh := &m.shards[m.shardOf(key)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if l := sh.ledgers[key]; l != nil {
		l.resets++
		for _, c := range l.counters {
			c.tally.clear()
		}
	}
	return nil
}
