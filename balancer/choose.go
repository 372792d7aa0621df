package balancer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/quota"
)

// chooser finds an account for one attempt of a request.
type chooser struct {
	t   *Transport
	ctx context.Context
	s   *serving
	r   *Request

	now  time.Time // of this look
	tier *tier     // that is being looked at

	left     []*member // found full, or being tried by another, just now
	lenient  bool      // those are good enough that are not as good as others might be
	waived   bool      // some were passed over that are good enough
	declined bool      // the Picker wanted none
	broken   bool      // the quota store cannot be asked: neither for the others
	luck     uint64    // of the request, for accounts that start slowly; 0: not drawn yet
}

// choose finds an account for one attempt and takes what it needs: the quota, and
// the probe of what was resting. Nothing is taken from those it passes over. Where all
// are busy it waits in line, as Config.MaxWait allows.
func (t *Transport) choose(ctx context.Context, s *serving) (*attempt, error) {
	c := &s.chooser
	*c = chooser{t: t, ctx: ctx, s: s, r: &s.Request, now: time.Now()}
	one, err := c.pinned()
	if err != nil {
		return nil, err
	}
	var all *crowd
	if one != nil {
		all = one.aloneOf(t)
	} else {
		all = c.r.route.crowds.of(t, c.r, c.now.UnixNano())
	}
	if at := c.fromLine(all); at != nil {
		return at, nil
	}
	if ctx.Err() != nil {
		return nil, &Error{Err: context.Cause(ctx)}
	}
	if at := c.lastResort(all); at != nil {
		return at, nil
	}
	return nil, c.none(all)
}

// from takes an account of a crowd: from the first tier that has one that nothing
// speaks against, or else the first one that will do. What shares a proxy, a route or a
// model with what has failed for this request already comes last, whatever its
// priority; so does, by chance, what has just recovered.
func (c *chooser) from(all *crowd) *attempt {
	if at := c.stuck(all); at != nil {
		return at
	}
	for _, c.lenient = range [...]bool{false, true} {
		for _, t := range all.tiers {
			if at := c.fromTier(t); at != nil {
				return at
			}
		}
		if !c.waived {
			return nil
		}
	}
	return nil
}

func (c *chooser) fromTier(t *tier) *attempt {
	_, theirs := t.order.(*dense) // does not change
	for c.ctx.Err() == nil && !c.broken {
		var i int
		if theirs {
			var declined bool
			i, declined = c.chosen(t)
			c.declined = c.declined || declined
		} else {
			i = t.next(c)
		}
		if i < 0 {
			return nil
		}
		m := t.members[i]
		at, until, full := c.take(m)
		if at != nil {
			return at
		}
		c.left = append(c.left, m)
		if full {
			t.full(c, i, until)
		}
	}
	return nil
}

// fit tells whether an account that is ready is right for this request.
func (c *chooser) fit(m *member) fitness {
	if slices.Contains(c.s.tried, m) || slices.Contains(c.left, m) || c.modelRests(m) {
		return unfit
	}
	if c.lenient {
		return fits
	}
	if len(c.s.failed) > 0 && c.met(m) || c.spares(m) {
		c.waived = true
		return unfit
	}
	return fits
}

// met tells whether something that matters for an account has failed for this
// request.
func (c *chooser) met(m *member) bool {
	for _, d := range m.domains {
		if c.s.failed[d.subject] {
			return true
		}
	}
	for _, s := range m.ofModel(c.r) {
		if c.s.failed[s] {
			return true
		}
	}
	return false
}

// modelRests tells whether the model cannot be used at an account, or at its
// provider.
func (c *chooser) modelRests(m *member) bool {
	if c.t.domains.count.Load() == 0 {
		return false
	}
	verdict, _ := m.modelVerdict(c.t, c.r.Operation.Model, c.now)
	return verdict.Decision == health.DecisionNo
}

// spares tells, by chance, whether an account that has just recovered is to be left to
// itself: it is given more and more. The chance is drawn once for an attempt, however
// often it meets the account. What waits for its probe is not spared: that goes alone.
func (c *chooser) spares(m *member) bool {
	s := m.domains[0].state.Load()
	if s == nil || s.Recovered.IsZero() {
		return false
	}
	share := m.policy.Share(*s, c.now)
	if share >= 1 || s.Phase(c.now) != health.PhaseClosed {
		return false
	}
	if c.luck == 0 {
		c.luck = rand.Uint64() | 1 //nolint:gosec // spreading load needs no secrecy
	}
	const bits = 53 // of a float64's fraction
	draw := (c.luck ^ m.domains[0].seed) * 0x9e3779b97f4a7c15 // SplitMix64's constants
	draw = (draw ^ draw>>30) * 0xbf58476d1ce4e5b9
	return float64(draw>>(64-bits))/(1<<bits) >= share
}

// take reserves an account's quota and claims the probes it needs, or gives all of
// it back. full: the quota is used up, until then.
func (c *chooser) take(m *member) (_ *attempt, until int64, full bool) {
	t := c.t
	at := &c.s.one
	if at.member != nil { // it is taken
		at = &attempt{}
	}
	at.t, at.r, at.member = t, c.r, m
	at.model, _ = m.models.serves(c.r.Operation.Model)
	at.gather()
	if n := m.counters.inFlight.Add(1); m.maxInFlight > 0 && n > m.maxInFlight {
		m.counters.release()
		at.member = nil
		return nil, noEnd, true
	}
	if len(m.Limits) > 0 {
		if until, full := at.reserve(c.ctx); at.reservation.ID == "" {
			c.broken = !full
			m.counters.release()
			at.member = nil
			return nil, until, full
		}
	}
	if !at.claimProbes(c.ctx) {
		at.settle(quota.Amount{})
		m.counters.release()
		*at = attempt{}
		return nil, 0, false
	}
	m.counters.served.Add(1)
	return at, 0, false
}

// othersPoll is how soon an account is looked at again whose limit of what is in
// flight is used up by other programs, of which nobody tells.
const othersPoll = 250 * time.Millisecond

// reserve charges the request to the account's limits.
func (at *attempt) reserve(ctx context.Context) (until int64, full bool) {
	res, err := at.t.cfg.Quota.Reserve(ctx, at.quotaKey, at.Limits, quota.Amount{Requests: 1}, at.t.cfg.ttl())
	if err == nil {
		at.reservation = res
		return 0, false
	}
	var over *quota.ExceededError
	switch {
	case !errors.As(err, &over):
		at.t.storeError(ctx, "quota", err)
		return 0, false
	case over.Limit.Unit == quota.InFlight:
		until = time.Now().Add(othersPoll).UnixNano()
	default:
		until = nanos(over.RetryAt)
	}
	at.counters.full.Store(&fullness{until: until, reason: over.Error()})
	return until, true
}

// check is a domain that matters for an attempt.
type check struct {
	*domain
	claim bool // its probe has to be claimed, and is this attempt's
}

// gather finds the domains that matter, and those whose probe is to be claimed.
func (at *attempt) gather() {
	at.checks = at.few[:0]
	now := time.Now()
	add := func(d *domain) {
		k := check{domain: d}
		if s := d.state.Load(); s != nil {
			k.claim = at.policy.Allow(*s, now).Decision == health.DecisionClaim
		}
		at.checks = append(at.checks, k)
	}
	for _, d := range at.domains {
		add(d)
	}
	if at.t.domains.count.Load() == 0 {
		return
	}
	for _, s := range at.ofModel(at.r) {
		if d := at.t.domains.ofModel(s); d != nil {
			add(d)
		}
	}
}

// claimProbes takes the probes of what was resting: one request at a time may try.
func (at *attempt) claimProbes(ctx context.Context) bool {
	for i := range at.checks {
		k := &at.checks[i]
		if !k.claim {
			continue
		}
		mine := false
		err := at.t.update(ctx, k.domain, func(s health.State) health.State {
			s, mine = at.policy.Claim(s, time.Now())
			return s
		})
		if err != nil { // a broken store rests nobody; a caller who has gone is noticed soon
			mine = ctx.Err() == nil
		}
		if !mine {
			at.unclaim(i)
			return false
		}
	}
	return true
}

// unclaim gives back the first n checks' probes.
func (at *attempt) unclaim(n int) {
	for i := range n {
		if at.checks[i].claim {
			at.report(&at.checks[i], health.Outcome{Kind: health.OutcomeNeutral})
		}
	}
}

var errStates = errors.New("the health store returned another number of states than asked for")

// storeError says that a store failed; a caller who has gone is no failure.
func (t *Transport) storeError(ctx context.Context, store string, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	t.cfg.Logger.ErrorContext(ctx, "Store failed", "store", store, "error", err)
	if t.cfg.Hooks.StoreError != nil {
		t.cfg.Hooks.StoreError(ctx, store, err)
	}
}

// suits tells why an account cannot serve a request, whatever its health.
func (m *member) suits(r *Request) (reason string) {
	model, ok := m.models.serves(r.Operation.Model)
	switch {
	case r.Hint.Group != "" && !slices.Contains(m.Groups, r.Hint.Group):
		return "not in the group asked for"
	case !m.serves(r.Operation.Kind):
		return m.refuses(r.Operation.Kind)
	case !ok:
		return fmt.Sprintf("does not serve the model %.100q", r.Operation.Model)
	case !m.pricing.admits(m.Provider, model, r):
		return fmt.Sprintf("has a limit of cost, and Config.Prices does not know the price of %.100q at %q", model, m.Provider.Name)
	default:
		return ""
	}
}
