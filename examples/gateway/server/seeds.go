package server

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/quota"
)

// seeds is what keys have used before the program began, for limits that are counted in
// memory. A key's limits are sown when it is first charged, since they say which windows
// there are. It is conservative: what a rolling window holds counts from then on, so a
// restart may keep a key waiting longer, and never lets it use more.
type seeds struct {
	log *slog.Logger

	sown sync.Map // ids of keys that were charged

	mu   sync.Mutex
	rows map[string][]resource.KeyUsage // of the others
}

// newSeeds reads what keys have used. A store that does not know has no seeds.
func newSeeds(ctx context.Context, store Store, log *slog.Logger) (*seeds, error) {
	s := &seeds{log: log}
	from, ok := store.(KeyUsage)
	if !ok {
		return s, nil
	}
	rows, err := from.KeyUsage(ctx, time.Time{}) // since ever, for limits in total
	if err != nil {
		return nil, err
	}
	s.rows = make(map[string][]resource.KeyUsage) // not nil, whatever they are
	for _, row := range rows {
		s.rows[row.KeyID] = append(s.rows[row.KeyID], row)
	}
	return s, nil
}

// sow puts what a key has used into the quota store, once.
func (s *seeds) sow(ctx context.Context, into quota.Store, h *holder) {
	if s == nil || s.rows == nil || len(h.charges) == 0 {
		return
	}
	if _, ok := s.sown.Load(h.ID); ok {
		return
	}
	s.mu.Lock() // whoever comes meanwhile waits until it is done
	defer s.mu.Unlock()
	if _, ok := s.sown.Load(h.ID); ok {
		return
	}
	for _, charge := range h.charges {
		for _, l := range charge.Limits {
			if err := seed(ctx, into, charge.Key, l, used(l, s.rows[h.ID], h, time.Now())); err != nil {
				s.log.LogAttrs(ctx, slog.LevelError, "Quota not seeded", slog.String("key_id", h.ID), slog.Any("error", err))
			}
		}
	}
	delete(s.rows, h.ID)
	s.sown.Store(h.ID, true)
}

// used is what rows say was used in a limit's window. Of money in total the key itself knows,
// too.
func used(l quota.Limit, rows []resource.KeyUsage, h *holder, now time.Time) quota.Amount {
	if l.Unit == quota.InFlight {
		return quota.Amount{}
	}
	start, _ := l.Window.Bounds(now)
	var sum quota.Amount
	for _, row := range rows {
		if !endOf(row.Start, now).After(start) {
			continue
		}
		sum.Requests += row.Requests
		sum.InputTokens += row.InputTokens
		sum.OutputTokens += row.OutputTokens
		sum.Cost += row.Cost
	}
	if l.Window.Kind() == quota.WindowTotal && l.Unit == quota.Cost {
		sum.Cost = max(sum.Cost, int64(float64(h.TotalCost)/h.Rate()))
	}
	return only(l.Unit, sum)
}

// endOf is when the time is over that a row is about: a quarter of an hour, or the month whose
// first quarter it is, once that is long ago.
func endOf(start, now time.Time) time.Time {
	u := start.UTC()
	month := time.Date(u.Year(), u.Month(), 1, 0, 0, 0, 0, time.UTC)
	if next := month.AddDate(0, 1, 0); u.Equal(month) && now.Sub(next) > 40*24*time.Hour {
		return next
	}
	return start.Add(15 * time.Minute)
}

// only is the part of an amount that a limit of the unit counts.
func only(u quota.Unit, a quota.Amount) quota.Amount {
	switch u {
	case quota.Requests:
		return quota.Amount{Requests: a.Requests}
	case quota.InputTokens:
		return quota.Amount{InputTokens: a.InputTokens}
	case quota.OutputTokens:
		return quota.Amount{OutputTokens: a.OutputTokens}
	case quota.Tokens:
		return quota.Amount{InputTokens: a.InputTokens, OutputTokens: a.OutputTokens}
	case quota.Cost:
		return quota.Amount{Cost: a.Cost}
	}
	return quota.Amount{}
}

// seed is spend, but for windows that are over before anybody minds.
func seed(ctx context.Context, into quota.Store, key string, l quota.Limit, a quota.Amount) error {
	if l.Window.Kind() == quota.WindowRolling && l.Window.Length() <= time.Minute {
		return nil
	}
	return spend(ctx, into, key, l, a)
}

// spend books an amount that was used under a limit, whatever that allows.
func spend(ctx context.Context, into quota.Store, key string, l quota.Limit, a quota.Amount) error {
	if l.Unit == quota.InFlight || l.Unit == quota.Requests && a.Requests == 0 || a == (quota.Amount{}) {
		return nil
	}
	l.Max = math.MaxInt64
	r, err := into.Reserve(ctx, key, []quota.Limit{l}, a, time.Minute)
	if err != nil {
		return err
	}
	return into.Settle(ctx, r, a)
}
