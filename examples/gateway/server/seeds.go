package server

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/quota"
)

// seeds is what was used before, for limits that are counted in memory: before the program
// began, or before there was the limit. A key's limits are sown when it is first charged
// under them, since they say which windows there are. It is conservative: what a rolling
// window holds counts from then on, so a restart may keep a key waiting longer, and never
// lets it use more. But what is in flight while a key is given a limit, and what the store has
// not written yet by then (a second's worth, as a rule), does not count under that.
type seeds struct {
	log *slog.Logger
	one OneKeyUsage // nil: the store tells of all keys alone

	plots sync.Map // by id: *plot of a key that was charged

	mu   sync.Mutex
	rows map[string][]resource.KeyUsage // what others had used at the start; nil: the store does not know
}

// plot is where a key's limits are sown.
type plot struct {
	mu   sync.Mutex
	sown atomic.Pointer[sowing] // nil: none yet
}

// sowing is which limits have what was used before them.
type sowing struct {
	limits  []quota.Limit
	changed time.Time // when the key was
	again   time.Time // before then a store that has failed is not asked; zero: it has not
}

// seedAgain is how long a store that has failed is not asked what a key used.
const seedAgain = 5 * time.Second

// covers tells whether there is nothing to sow for a key now: it has no other limits, or it is
// as it was before it had those, or it was in vain a moment ago.
func (s *sowing) covers(h *holder, limits []quota.Limit) bool {
	return s != nil && (slices.EqualFunc(s.limits, limits, sameCount) || h.UpdatedAt.Before(s.changed) || time.Now().Before(s.again))
}

// sameCount tells whether two limits share one count.
func sameCount(a, b quota.Limit) bool { return a.Unit == b.Unit && a.Window == b.Window }

// newSeeds reads what keys have used. A store that does not know has no seeds.
func newSeeds(ctx context.Context, store Store, log *slog.Logger) (*seeds, error) {
	s := &seeds{log: log}
	s.one, _ = store.(OneKeyUsage)
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

// sow puts what a key has used into the quota store, once for each of its limits.
func (s *seeds) sow(ctx context.Context, into quota.Store, h *holder) {
	if s == nil || s.rows == nil && s.one == nil {
		return
	}
	var limits []quota.Limit
	for _, charge := range h.charges {
		limits = charge.Limits // newHolder makes one charge
	}
	found, ok := s.plots.Load(h.ID)
	if !ok {
		if len(limits) == 0 {
			return
		}
		found, _ = s.plots.LoadOrStore(h.ID, new(plot))
	}
	p := found.(*plot)
	if p.sown.Load().covers(h, limits) {
		return
	}
	p.mu.Lock() // whoever comes meanwhile waits until it is done
	defer p.mu.Unlock()
	before := p.sown.Load()
	if before.covers(h, limits) {
		return
	}
	var had []quota.Limit
	if before != nil {
		had = before.limits
	}
	isNew := func(l quota.Limit) bool {
		return !slices.ContainsFunc(had, func(old quota.Limit) bool { return sameCount(l, old) })
	}
	next := &sowing{limits: limits, changed: h.UpdatedAt}
	if slices.ContainsFunc(limits, isNew) {
		old := slices.DeleteFunc(slices.Clone(limits), isNew)
		fresh := slices.DeleteFunc(slices.Clone(limits), func(l quota.Limit) bool { return !isNew(l) })
		if !s.sowLimits(ctx, into, h, fresh) { // what of it was sown does not count twice
			next.limits, next.again = old, time.Now().Add(seedAgain)
		}
	}
	p.sown.Store(next)
}

// sowLimits puts what a key has used into the counts of some limits, and tells whether all of
// it was known. Where the store does not tell, that is what was known at the start, if it is
// the first time, and else nothing.
func (s *seeds) sowLimits(ctx context.Context, into quota.Store, h *holder, limits []quota.Limit) (all bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyTimeout) // others wait for it
	defer cancel()
	s.mu.Lock()
	rows := s.rows[h.ID]
	delete(s.rows, h.ID)
	s.mu.Unlock()
	all = true
	failed := func(err error) {
		all = false
		s.log.LogAttrs(ctx, slog.LevelError, "Quota not seeded", slog.String("key_id", h.ID), slog.Any("error", err))
	}
	if s.one != nil {
		if now, err := s.one.UsageOfKey(ctx, h.ID); err != nil {
			failed(err)
		} else {
			rows = now
		}
	}
	for _, l := range limits {
		if err := seed(ctx, into, quotaKey(h.ID), l, used(l, rows, h, time.Now())); err != nil {
			failed(err)
		}
	}
	return all
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

// seed is spend of what is not counted yet, but for windows that are over before anybody
// minds.
func seed(ctx context.Context, into quota.Store, key string, l quota.Limit, a quota.Amount) error {
	if l.Window.Kind() == quota.WindowRolling && l.Window.Length() <= time.Minute || a == (quota.Amount{}) {
		return nil
	}
	if inspector, ok := into.(quota.Inspector); ok {
		levels, err := inspector.Levels(ctx, key, []quota.Limit{l})
		if err != nil {
			return err
		}
		a = less(a, l.Unit, levels[0].Used)
	}
	return spend(ctx, into, key, l, a)
}

// less is an amount, of which a limit of the unit has counted some.
func less(a quota.Amount, u quota.Unit, counted int64) quota.Amount {
	left := max(a.Of(u)-max(counted, 0), 0)
	switch u {
	case quota.Requests:
		a.Requests = left
	case quota.Cost:
		a.Cost = left
	case quota.OutputTokens:
		a.OutputTokens = left
	case quota.InputTokens, quota.Tokens:
		a.InputTokens, a.OutputTokens = left, 0
	}
	return a
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
