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
	l.expire(now.at, sh.forget)
	levels := make([]Level, len(limits))
	for i, limit := range limits {
		s := l.standing(&limit, limit.Max, now)
		levels[i] = Level{Limit: limit, Used: s.Used, Left: max(0, left(limit.Max, s.Used))}
		if s.Used > 0 {
			levels[i].EmptyAt = s.RoomAt
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
