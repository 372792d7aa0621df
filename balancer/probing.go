package balancer

import (
	"context"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/aitransport/aitransport/health"
)

// checker asks accounts how they are, beside the requests.
type checker struct {
	HealthChecks // with its defaults
	t            *Transport
	places       chan struct{} // one for each account that is being asked
	asking       sync.WaitGroup
}

// checkHealth asks accounts again and again, until requests are refused.
func (t *Transport) checkHealth() {
	defer t.beside.Done()
	h := t.cfg.HealthChecks.withDefaults()
	c := &checker{HealthChecks: h, t: t, places: make(chan struct{}, h.Concurrency)}
	defer c.asking.Wait()
	ctx := t.calls.open
	start := rand.Float64() //nolint:gosec // so that not all programs ask at the same moment
	for began := time.Now(); c.round(ctx, began, start); {
		began = began.Add(c.Interval)
		if time.Since(began) > c.Interval { // it cannot keep up: what was missed is not made up for
			began = time.Now()
		}
	}
}

// round gives each account its turn, spread over the interval and always at the same
// place in it, whatever their order in the configuration. It holds names: the accounts
// may be others when their turn comes. It tells whether there is another round.
func (c *checker) round(ctx context.Context, began time.Time, start float64) bool {
	if !sleepUntil(ctx, began) {
		return false
	}
	names := slices.Sorted(maps.Keys(c.t.fleet.Load().byName))
	gap := c.Interval / time.Duration(len(names))
	start *= float64(len(names))
	first := int(start)
	turn := began.Add(time.Duration((start - float64(first)) * float64(gap)))
	for i := range names {
		if !sleepUntil(ctx, turn) {
			return false
		}
		turn = turn.Add(gap)
		name := names[(first+i)%len(names)]
		if c.due(name) == nil {
			continue
		}
		select {
		case c.places <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		m := c.due(name) // that may have taken long
		if m == nil {
			<-c.places
			continue
		}
		c.asking.Go(func() {
			defer func() { <-c.places }()
			c.check(ctx, m)
		})
	}
	return true
}

// sleepUntil waits for a time, and tells whether the context is still alive.
func sleepUntil(ctx context.Context, at time.Time) bool {
	if wait := time.Until(at); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// due is the account of that name, if it is to be asked now.
func (c *checker) due(name string) *member {
	if m := c.t.fleet.Load().byName[name]; m != nil && c.wants(m, time.Now()) {
		return m
	}
	return nil
}

// wants tells whether an account is to be asked, as far as is known here.
func (c *checker) wants(m *member, now time.Time) bool {
	if m.Disabled {
		return false
	}
	if _, closed := m.Schedule.closed(now); closed {
		return false
	}
	well := true
	for _, d := range m.domains {
		s := d.known()
		switch s.Phase(now) {
		case health.PhaseClosed:
			continue
		case health.PhaseOpen:
			if s.Cause == health.CauseLimit { // only the clock ends that
				return false
			}
		case health.PhaseHalfOpen:
			if now.Before(s.ProbeUntil) { // a request finds out
				return false
			}
		default:
			if s.Cause == health.CausePerson {
				return false
			}
		}
		well = false
	}
	if age := now.Sub(m.domains[0].known().LastCheck); age >= 0 && age < c.least() {
		return false
	}
	return !well || c.All || m.counters.inFlight.Load() == 0 && now.Sub(m.counters.lastSeen()) >= c.Interval
}

// least is how long ago the last check of an account must be: turns may come a little
// early.
func (c *checker) least() time.Duration { return c.Interval - c.Interval/10 }

// lastSeen is when an attempt at the account last got an answer, or failed.
func (c *counters) lastSeen() time.Time {
	return time.Unix(0, max(c.speed.when.Load(), c.recent.when.Load()))
}

// check asks one account, if nobody else does. It outlives whatever panics below it: no
// request is there to be told.
func (c *checker) check(ctx context.Context, m *member) {
	x := &examination{checker: c, m: m, started: time.Now()}
	whole := false
	defer func() {
		if v := recover(); !whole {
			x.broken(ctx, v, debug.Stack())
		}
	}()
	x.run(ctx)
	whole = true
}

// run asks, unless there is no question or somebody else asks, and draws the
// conclusions.
func (x *examination) run(ctx context.Context) {
	probes := x.Probes(x.m.Name, x.m.Provider)
	if len(probes) == 0 || !x.claim(ctx) {
		return
	}
	x.started = time.Now()
	asking, cancel := context.WithTimeout(ctx, x.Timeout)
	defer cancel()
	share := min(askTimeout, x.Timeout/time.Duration(len(probes)))
	for i := range probes {
		if i > 0 && time.Until(x.started.Add(x.Timeout)) < share { // it would not be given what it may need
			break
		}
		if x.ask(asking, &probes[i]); x.over() {
			break
		}
	}
	books, end := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer end()
	x.conclude(books)
	x.record(books)
}

// claimed is the probe of a domain that a check has taken.
type claimed struct {
	*domain
	from time.Time // as the state says
}

// claim takes the check of the account, and the probes of those of its domains that
// wait for one. The account is the last: it counts as checked from then on, and is not
// if somebody else probes its way.
func (x *examination) claim(ctx context.Context) bool {
	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for _, d := range slices.Backward(x.m.domains) {
		own := d.subject.Kind == health.KindAccount
		if known := d.known(); !own && known.Phase(time.Now()) != health.PhaseHalfOpen {
			continue
		}
		var from time.Time
		mine := false
		err := x.t.update(bounded, d, func(s health.State) health.State {
			next, now := s, time.Now()
			switch mine = true; {
			case own:
				next, mine = x.m.policy.ClaimCheck(s, x.least(), now)
			case s.Phase(now) == health.PhaseHalfOpen:
				next, mine = x.m.policy.Claim(s, now)
			}
			if from = next.ProbeFrom; from.Equal(s.ProbeFrom) {
				from = time.Time{} // there was none to take
			}
			return next
		})
		if !from.IsZero() { // also where the store failed: it may have taken the claim
			x.held = append(x.held, claimed{d, from})
		}
		if err != nil || !mine { // a broken store cannot say whether another is asking
			x.giveBack(ctx)
			return false
		}
	}
	return true
}

// holds tells whether the check has the probe of a domain.
func (x *examination) holds(d *domain) bool {
	return slices.ContainsFunc(x.held, func(c claimed) bool { return c.domain == d })
}

// giveBack ends claims of which nothing came, as far as they still stand.
func (x *examination) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	now := time.Now()
	for _, c := range x.held {
		_ = x.t.outcome(ctx, c.domain, func(s health.State) health.State { // told to the hook
			if !s.ProbeFrom.Equal(c.from) {
				return s
			}
			return x.m.policy.Checked(s, health.Outcome{Kind: health.OutcomeNeutral}, now)
		})
	}
}
