package quotatest_test

import (
	"context"
	"sync"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// charger is a naive store that charges several keys under one lock, and can be broken in that.
type charger struct {
	naive
	all    sync.Mutex
	breaks chargerFaults
}

type chargerFaults struct {
	keepsPart    bool // what was reserved before the charge that has no room stays
	checksFirst  bool // looks for room with all, lets others in, and charges
	settlesFirst bool // SettleAll settles the first only
	lastFull     bool // tells of the last charge that has no room
	gullible     bool // takes a key twice
	refusesBusy  bool // refuses when somebody else is at it
}

func (s *charger) ReserveAll(ctx context.Context, charges []quota.Charge, a quota.Amount, ttl time.Duration) ([]quota.Reservation, error) {
	if err := quota.CheckReserveAll(charges, a, ttl); err != nil && !s.breaks.gullible {
		return nil, err
	}
	if s.breaks.refusesBusy {
		if !s.all.TryLock() {
			return nil, &quota.ExceededError{Key: charges[0].Key, Limit: charges[0].Limits[0]}
		}
		time.Sleep(time.Millisecond) // broken on purpose: others come in between
	} else {
		s.all.Lock()
	}
	defer s.all.Unlock()
	if s.breaks.checksFirst {
		if err := s.checkThenSpend(ctx, charges, a, ttl); err != nil {
			return nil, err
		}
	}
	return s.reserveAll(ctx, charges, a, ttl)
}

func (s *charger) reserveAll(ctx context.Context, charges []quota.Charge, a quota.Amount, ttl time.Duration) (rs []quota.Reservation, worst error) {
	for _, c := range charges {
		r, err := s.Reserve(ctx, c.Key, c.Limits, a, ttl)
		if err != nil && (worst == nil || s.breaks.lastFull) {
			worst = err
		}
		if err == nil {
			rs = append(rs, r)
		}
	}
	if worst == nil {
		return rs, nil
	}
	for _, r := range rs {
		if !s.breaks.keepsPart {
			_ = s.Settle(context.WithoutCancel(ctx), r, quota.Amount{})
		}
	}
	return nil, worst
}

// checkThenSpend looks for room, lets others in, and then makes room whatever there is.
func (s *charger) checkThenSpend(ctx context.Context, charges []quota.Charge, a quota.Amount, ttl time.Duration) error {
	rs, err := s.reserveAll(ctx, charges, a, ttl)
	if err != nil {
		return err
	}
	for _, r := range rs {
		_ = s.Settle(ctx, r, quota.Amount{})
	}
	s.all.Unlock()
	time.Sleep(time.Millisecond)
	s.all.Lock()
	for i := range charges {
		limits := charges[i].Limits
		charges[i].Limits = nil
		for _, limit := range limits {
			limit.Max = 1 << 40
			charges[i].Limits = append(charges[i].Limits, limit)
		}
	}
	return nil
}

func (s *charger) SettleAll(ctx context.Context, rs []quota.Reservation, used quota.Amount) error {
	for i, r := range rs {
		if err := s.Settle(ctx, r, used); err != nil {
			return err
		}
		if s.breaks.settlesFirst && i == 0 {
			break
		}
	}
	return nil
}
