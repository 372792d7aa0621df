package quota

import "context"

// Levels implements [Inspector].
func (m *Memory) Levels(ctx context.Context, key string, limits []Limit) ([]Level, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := CheckLevels(key, limits); err != nil {
		return nil, err
	}
	now := m.moment(anyZoned(limits))
	sh := &m.shards[m.shardOf(key)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	l := sh.ledgers[key]
	if l == nil {
		l = &ledger{}
	}
	now = l.now(now)
	l.expire(now.At, sh.forget)
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
	if err := CheckKey(key); err != nil {
		return err
	}
	sh := &m.shards[m.shardOf(key)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if l := sh.ledgers[key]; l != nil {
		l.resets++
		for _, c := range l.counters {
			c.tally.Clear()
		}
	}
	return nil
}

// Grant implements [Granter].
func (m *Memory) Grant(ctx context.Context, key string, limits []Limit, a Amount) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := CheckGrant(key, limits, a); err != nil {
		return err
	}
	now := m.moment(anyZoned(limits))
	m.makeRoom(now)
	sh := &m.shards[m.shardOf(key)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	l, err := m.open(sh, key)
	if err != nil {
		return err
	}
	now = l.now(now)
	for _, c := range l.open([]*counter{nil}, limits) {
		c.tally.Add(now, -a.Of(c.unit))
	}
	m.close(sh, key, l)
	return nil
}
