package quota

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aitransport/aitransport/quota/internal/tally"
)

// pending is a charge of several that Memory looks at together.
type pending struct {
	shard    uint64
	ledger   *ledger
	now      tally.Moment
	counters []*counter
	few      [fewCounters]*counter // where counters begin
}

// ReserveAll implements [Charger].
func (m *Memory) ReserveAll(ctx context.Context, charges []Charge, a Amount, ttl time.Duration) ([]Reservation, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := CheckReserveAll(charges, a, ttl); err != nil {
		return nil, err
	}
	now := m.moment(slices.ContainsFunc(charges, func(c Charge) bool { return anyZoned(c.Limits) }))
	m.makeRoom(now)
	ps := make([]pending, len(charges))
	for i, c := range charges {
		ps[i].shard = m.shardOf(c.Key)
	}
	defer m.lock(ps, now)()
	if err := m.fitAll(ps, charges, a, now); err != nil {
		for i, c := range charges {
			if ps[i].ledger != nil {
				m.close(&m.shards[ps[i].shard], c.Key, ps[i].ledger)
			}
		}
		return nil, err
	}
	rs := make([]Reservation, len(charges))
	for i, c := range charges {
		p := &ps[i]
		rs[i] = m.charge(p.shard, c.Key, p.ledger, p.ledger.open(p.counters, c.Limits), a, ttl, p.now)
	}
	return rs, nil
}

// lock takes the locks of all the shards, in their order, so that nobody waits for one who waits for him, and sweeps them.
func (m *Memory) lock(ps []pending, now tally.Moment) (unlock func()) {
	shards := make([]uint64, len(ps))
	for i := range ps {
		shards[i] = ps[i].shard
	}
	slices.Sort(shards)
	shards = slices.Compact(shards)
	for _, n := range shards {
		m.shards[n].mu.Lock()
		m.sweep(&m.shards[n], now, sweepEvery)
	}
	return func() {
		for _, n := range shards {
			m.shards[n].mu.Unlock()
		}
	}
}

// fitAll opens the ledgers and finds the counters, or the first charge that has no room. The caller holds the locks.
func (m *Memory) fitAll(ps []pending, charges []Charge, a Amount, now tally.Moment) error {
	for i, c := range charges {
		p := &ps[i]
		sh := &m.shards[p.shard]
		l, err := m.open(sh, c.Key)
		if err != nil {
			return err
		}
		p.ledger, p.now = l, l.now(now)
		l.expire(p.now.At, sh.forget)
		var ok bool
		if p.counters, ok = l.fit(p.few[:0], c.Limits, a, p.now); !ok {
			return l.exceeded(c.Key, c.Limits, a, p.now)
		}
	}
	return nil
}

// SettleAll implements [Charger].
func (m *Memory) SettleAll(ctx context.Context, rs []Reservation, used Amount) error {
	var errs []error
	for _, r := range rs {
		if err := m.Settle(ctx, r, used); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
