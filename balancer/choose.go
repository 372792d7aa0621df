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
	one  *member   // the only one that can serve the request; nil: more may
	all  *crowd    // those that may
	tier *tier     // that is being looked at

	left     []*member // found full, or being tried by another, just now
	home     string    // the account that the session has for such requests; "": none, or there is no session
	seen     string    // its Session.Account; "": it is not known
	sticks   bool      // a session is to stay with the account that is taken
	bent     bool      // the session goes elsewhere for this time only
	resorts  bool      // what rests is tried all the same
	lenient  bool      // those are good enough that are not as good as others might be
	waived   bool      // some were passed over that are good enough
	again    bool      // what is free has changed meanwhile, also of these: it is worth to look again at once
	waits    bool      // it stands in line
	others   bool      // some that are ready are not for this request
	ends     int64     // when the model's rest does that keeps one from being taken; noEnd: there is none
	declined bool      // the Picker wanted none
	broken   bool      // the quota store cannot be asked: neither for the others
	cause    error     // why
	luck     uint64    // of the request, for accounts that start slowly; 0: not drawn yet
}

// choose finds an account for one attempt and takes what it needs: the quota, and
// the probe of what was resting. Nothing is taken from those it passes over. Where all
// are busy it waits in line, as Config.MaxWait allows.
func (t *Transport) choose(ctx context.Context, s *serving) (*attempt, error) {
	if err := t.refuse(ctx); err != nil {
		return nil, err
	}
	c := &s.chooser
	*c = chooser{t: t, ctx: ctx, s: s, r: &s.Request, now: time.Now()}
	look := c.crowd
	if c.outdated() {
		look = c.move
	}
	var err error
	if c.all, err = look(); err != nil {
		return nil, err
	}
	at, err := c.fromLine()
	switch {
	case at != nil || err != nil:
		return at, err
	case ctx.Err() != nil:
		return nil, &Error{Err: context.Cause(ctx)}
	}
	if at := c.lastResort(c.all); at != nil {
		return at, nil
	}
	return nil, c.none()
}

// crowd are the accounts that may serve the request.
func (c *chooser) crowd() (_ *crowd, err error) {
	if c.one, err = c.pinned(); err != nil {
		return nil, err
	}
	if c.one != nil {
		return c.one.aloneOf(c.t), nil
	}
	return c.r.route.crowds.of(c.t, c.r, c.now.UnixNano()), nil
}

// from takes an account of a crowd: from the first tier that has one that nothing
// speaks against, or else the first one that will do. What shares a proxy, a route or a
// model with what has failed for this request already comes last, whatever its
// priority; so does, by chance, what has just recovered.
func (c *chooser) from(all *crowd) *attempt {
	c.bent = false
	for _, c.lenient = range [...]bool{false, true} {
		if at := c.stuck(all); at != nil {
			return at
		}
		for _, t := range all.tiers {
			if at := c.fromTier(t); at != nil {
				c.stay(at)
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
		at, full := c.take(m)
		if at != nil {
			return at
		}
		c.left = append(c.left, m)
		if !full || !t.full(i) { // it is free again, or somebody else has begun to try it
			c.again = true
		}
	}
	return nil
}

// fit tells whether an account that is ready is right for this request.
func (c *chooser) fit(m *member) fitness {
	if slices.Contains(c.left, m) { // whoever had it has given it back
		c.again = true
		return unfit
	}
	if c.hasTried(m) || c.modelRests(m) || c.unpriced(m) {
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

// hasTried tells whether an account has been tried for this request.
func (c *chooser) hasTried(m *member) bool {
	return slices.ContainsFunc(c.s.tried, func(other *member) bool { return other.counters == m.counters })
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
	if verdict.Decision != health.DecisionNo {
		return false
	}
	c.ends = min(c.ends, nanos(verdict.Until))
	return true
}

// spares tells, by chance, whether an account that has just recovered, or whose way or
// provider has, is to be left to itself: it is given more and more. The chance is drawn
// once for an attempt, however often it meets the account. What waits for its probe is
// not spared: that goes alone, and the sooner the better.
func (c *chooser) spares(m *member) bool {
	share := 1.0
	for _, d := range m.domains {
		if s := d.state.Load(); s != nil && !s.Recovered.IsZero() && s.Phase(c.now) == health.PhaseClosed {
			share = min(share, m.policy.Share(*s, c.now))
		}
	}
	if share >= 1 {
		return false
	}
	if c.luck == 0 {
		c.luck = rand.Uint64() | 1 //nolint:gosec // spreading load needs no secrecy
	}
	const bits = 53 // of a float64's fraction
	return float64(mix(c.luck^m.domains[0].seed)>>(64-bits))/(1<<bits) >= share
}

// take reserves an account's quota and claims the probes it needs, or gives all of
// it back, also when a store panics. full: the quota is used up.
func (c *chooser) take(m *member) (taken *attempt, full bool) {
	at := &c.s.one
	if at.member != nil { // it is taken
		at = &attempt{}
	}
	at.t, at.r, at.member, at.base = c.t, c.r, m, c.r.route.base
	at.model, _ = m.models.serves(c.r.Operation.Model)
	if !at.gather() && !c.resorts { // somebody has begun to try it, or it rests since
		at.member = nil
		return nil, false
	}
	if !m.counters.acquire(m.maxInFlight) {
		at.member = nil
		return nil, true
	}
	var found *fullness
	refunds := m.counters.refunds.Load()
	defer func() {
		if taken == nil {
			defer m.counters.refuse(found, refunds)
			at.settle(quota.Amount{})
			*at = attempt{}
		}
	}()
	if len(m.Limits) > 0 {
		if found, c.cause = at.reserve(c.ctx); at.reservation.ID == "" {
			if c.broken = found == nil; c.broken {
				return nil, false
			}
			return nil, true
		}
	}
	if !at.claimProbes() || c.ctx.Err() != nil {
		at.unclaim(len(at.checks))
		return nil, false
	}
	m.counters.served.Add(1)
	c.r.bill.enter()
	return at, false
}

// othersPoll is how soon an account is looked at again whose limit of what is in
// flight is used up by other programs, of which nobody tells, or that should have room by
// now, but for the clock of a store that is behind.
const othersPoll = 250 * time.Millisecond

// fullFor is for how long the store is taken at its word that a limit is used up.
const fullFor = 30 * time.Second

// reserve charges the request to the account's limits, or tells which is used up. If it
// does neither, the store is broken, or the caller has gone.
func (at *attempt) reserve(ctx context.Context) (*fullness, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	books, cancel := at.books(at.t.quotaInMemory) // a caller who goes meanwhile must not leave it half done
	defer cancel()
	res, err := at.t.cfg.Quota.Reserve(books, at.quotaKey, at.Limits, at.r.estimate, at.t.cfg.ttl())
	if err == nil {
		at.reservation = res
		return nil, nil
	}
	var over *quota.ExceededError
	switch {
	case !errors.As(err, &over):
		at.t.storeError(books, "quota", err)
		return nil, err
	case over.Limit.Unit == quota.InFlight:
		return &fullness{until: time.Now().Add(othersPoll).UnixNano(), reason: err.Error(), inFlight: true}, nil
	default:
		now, retryAt := time.Now(), over.RetryAt
		if !retryAt.IsZero() && !retryAt.After(now) { // its clock is behind: it has just refused
			retryAt = now.Add(othersPoll)
		}
		// It is asked again before long: somebody may have reset it, or raised the limit.
		return &fullness{until: min(nanos(retryAt), now.Add(fullFor).UnixNano()), retryAt: retryAt, reason: err.Error()}, nil
	}
}

// check is a domain that matters for an attempt.
type check struct {
	*domain
	claim bool // its probe has to be claimed, and is this attempt's
}

// gather finds the domains that matter, and those whose probe is to be claimed. It
// tells whether all of them may be used.
func (at *attempt) gather() (usable bool) {
	usable = true
	at.checks = at.few[:0]
	now := time.Now()
	add := func(d *domain) {
		k := check{domain: d}
		if s := d.state.Load(); s != nil {
			decision := at.policy.Allow(*s, now).Decision
			k.claim = decision == health.DecisionClaim
			at.probing = at.probing || k.claim
			usable = usable && decision != health.DecisionNo
		}
		at.checks = append(at.checks, k)
	}
	for _, d := range at.domains {
		add(d)
	}
	if at.t.domains.count.Load() == 0 {
		return usable
	}
	for _, s := range at.ofModel(at.r) {
		if d := at.t.domains.ofModel(s); d != nil {
			add(d)
		}
	}
	return usable
}

// claimProbes takes the probes of what was resting: one request at a time may try. Where
// the store is broken that is one of this process.
func (at *attempt) claimProbes() bool {
	for i := range at.checks {
		k := &at.checks[i]
		if !k.claim {
			continue
		}
		mine := false
		claim := func(s health.State) health.State {
			s, mine = at.policy.Claim(s, time.Now())
			return s
		}
		books, cancel := at.books(at.t.healthInMemory)
		if at.t.update(books, k.domain, claim) != nil { // told to the hook; the store may have taken it
			at.t.change(books, k.domain, claim)
		}
		cancel()
		if mine {
			continue
		}
		for j := i; j < len(at.checks); j++ { // those are not ours
			at.checks[j].claim = false
		}
		return false
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
