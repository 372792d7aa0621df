package quota

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aitransport/aitransport/internal/circuit"
)

// GuardConfig is what a Guard does when its store is broken.
type GuardConfig struct {
	// Open is the policy for a Reserve when the store is broken. false, closed: it is refused with an *UnavailableError. true,
	// open: it is counted in the memory of this process and admitted while its limits have room there. See Guard for how
	// much that can admit.
	Open bool

	// Timeout is for each call of the store, which must heed its context: one that takes longer says that the store is
	// broken. 0: what the store asks for (see Patient), or 500 ms; negative: none. It has to be longer than calls take
	// under the greatest load, waiting for each other included. Too short, and a store that is only slow counts as
	// broken: closed, requests are refused that have room; open, limits are overspent although nothing is broken.
	Timeout time.Duration

	Rest time.Duration // after a failure the store is not called for so long; 0: 1 s; negative: none

	// MaxUnsettled bounds how many reservations wait for the store to be settled; 0: 10,000; negative: none wait.
	MaxUnsettled int

	// Broken says which errors mean that the store is broken. nil: all but ErrExceeded, ErrExpired, ErrInvalid, ErrFull and
	// errors.ErrUnsupported. It is not asked about the error of a call whose caller has gone; one whose deadline has
	// passed meanwhile tells that the store is slow, if that gave it a tenth of Timeout.
	Broken func(error) bool

	// Hooks are told of an outage. A balancer that has the Guard as its Quota is told too, and logs it; who uses it alone
	// hears nothing of an outage without Hooks.Broken, not even of one that may overspend.
	Hooks GuardHooks
}

// GuardHooks are told what a Guard does in place of its store. They are called by the goroutine of the call, which waits,
// and by several at a time; no lock is held. nil: not told.
type GuardHooks struct {
	Broken   func(err error)                             // the store's error: a call failed, or a trial did: the policy answers from now on
	Back     func(after time.Duration)                   // a trial succeeded: the store answers again
	Answered func(key string, err error)                 // the policy answered a Reserve, with that error; nil: admitted
	Kept     func(r Reservation, used Amount, err error) // a Settle failed and is done again later
	Lost     func(r Reservation, used Amount, err error) // a Settle is given up: the reservation expires, and its estimate stands
}

// Guard is a Store in front of one that can break. It gives each call a time limit, and once one has failed it answers at
// once, by policy, for a short while; then one call at a time tries the store. It is a Renewer, an Inspector, a Granter
// and a Charger as far as its store is, and returns errors.ErrUnsupported as far as it is not.
//
// Reserve and ReserveAll are answered by the policy. Open, they are counted in this process alone, by the same limits,
// from nothing at the first failure on. So as long as a window lasts, each process admits at most Max of its own in it,
// however often the store breaks; in the total window, Max for ever. When the store is back its counts are as it
// has kept them: what was admitted meanwhile is not added, so nothing can be added twice.
//
// Settle and SettleAll never fail because the store is broken: what is to be settled is kept, and done a few at a time by
// the calls that follow once it is back; Flush does all, for the end of a program. A reservation made while the store was
// broken is settled here, and anywhere else does nothing. The other methods return ErrUnavailable.
//
// A balancer whose Config.Quota it is logs when the store breaks and when it is back; see Watch.
//
// A call that fails may have been carried out: a reservation of which nobody knows expires, and its estimate stands.
type Guard struct {
	store   Store
	cfg     GuardConfig
	local   *Memory // nil: closed
	own     string  // how the IDs of reservations in local begin
	breaker *circuit.Breaker
	later   unsettled
	watched watchers
}

var _ interface {
	Store
	Renewer
	Inspector
	Granter
	Charger
} = (*Guard)(nil)

const (
	openID      = "open~" // how the IDs of all Guards' local reservations begin
	flushAtOnce = 8       // so many a call settles for others
)

// NewGuard is a Guard in front of a store. It panics if there is none.
func NewGuard(store Store, c GuardConfig) *Guard {
	if store == nil {
		panic("quota: NewGuard without a Store: give it one, and look at the error of what made it")
	}
	if c.Timeout == 0 {
		c.Timeout = timeLimit(store)
	}
	if c.Rest == 0 {
		c.Rest = time.Second
	}
	if c.MaxUnsettled == 0 {
		c.MaxUnsettled = 10_000
	}
	if c.Broken == nil {
		c.Broken = isBroken
	}
	g := &Guard{store: store, cfg: c, own: openID + rand.Text() + "~"}
	g.breaker = circuit.New(circuit.Config{
		Timeout: c.Timeout, Rest: c.Rest, Broken: c.Broken,
		OnBroken: g.tellBroken, OnBack: g.tellBack,
	})
	g.later.most = c.MaxUnsettled
	if c.Open {
		g.local = NewMemory(MemoryConfig{})
	}
	return g
}

// timeLimit is what a call of the store may take, where the program does not say.
func timeLimit(store Store) time.Duration {
	if p, ok := store.(Patient); ok && p.TimeLimit() > 0 {
		return p.TimeLimit()
	}
	return 500 * time.Millisecond
}

func isBroken(err error) bool {
	return !errors.Is(err, ErrExceeded) && !errors.Is(err, ErrExpired) && !errors.Is(err, ErrInvalid) &&
		!errors.Is(err, ErrFull) && !errors.Is(err, errors.ErrUnsupported)
}

// Reserve implements [Store].
func (g *Guard) Reserve(ctx context.Context, key string, limits []Limit, a Amount, ttl time.Duration) (r Reservation, err error) {
	if err := CheckReserve(key, limits, a, ttl); err != nil {
		return r, err
	}
	err = g.call(ctx, func(ctx context.Context) (err error) {
		r, err = g.store.Reserve(ctx, key, limits, a, ttl)
		return err
	})
	if !errors.Is(err, ErrUnavailable) {
		return r, err
	}
	r = Reservation{}
	if g.local != nil {
		r, err = g.local.Reserve(ctx, key, limits, a, ttl)
		r, err = g.mark(r, err), alone(err)
	}
	g.answered(key, err)
	return r, err
}

// ReserveAll implements [Charger], for any store.
func (g *Guard) ReserveAll(ctx context.Context, charges []Charge, a Amount, ttl time.Duration) (rs []Reservation, err error) {
	if err := CheckReserveAll(charges, a, ttl); err != nil {
		return nil, err
	}
	charger, ok := g.store.(Charger)
	if !ok {
		return ReserveAll(ctx, struct{ Store }{g}, charges, a, ttl) // one after the other
	}
	err = g.call(ctx, func(ctx context.Context) (err error) {
		rs, err = charger.ReserveAll(ctx, charges, a, ttl)
		return err
	})
	if !errors.Is(err, ErrUnavailable) {
		return rs, err
	}
	rs = nil
	if g.local != nil {
		rs, err = g.local.ReserveAll(ctx, charges, a, ttl)
		for i := range rs {
			rs[i] = g.mark(rs[i], nil)
		}
		err = alone(err)
	}
	for _, c := range charges {
		g.answered(c.Key, err)
	}
	return rs, err
}

// mark makes a local reservation known as one.
func (g *Guard) mark(r Reservation, err error) Reservation {
	if err == nil {
		r.ID = g.own + r.ID
	}
	return r
}

// alone says of a refusal that it is by the count of this process.
func alone(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w (by the count of this process alone, while the store is broken)", err)
}

// unmark is the local reservation; nil: it is the store's. One of another Guard is none that local knows.
func (g *Guard) unmark(r Reservation) *Reservation {
	if !strings.HasPrefix(r.ID, openID) {
		return nil
	}
	if id, ok := strings.CutPrefix(r.ID, g.own); ok {
		r.ID = id
	}
	return &r
}

func (g *Guard) answered(key string, err error) {
	if g.cfg.Hooks.Answered != nil {
		g.cfg.Hooks.Answered(key, err)
	}
}

// call calls the store, if it is not known to be broken, and remembers whether it is. An error that says that it is broken
// is an *UnavailableError.
func (g *Guard) call(ctx context.Context, f func(context.Context) error) error {
	err := g.breaker.Do(ctx, f)
	var broken *circuit.Unavailable
	if !errors.As(err, &broken) {
		return err
	}
	return &UnavailableError{RetryAt: broken.RetryAt, Err: broken.Err}
}
