package balancer

import "time"

const (
	// A session leaves its account for a request where that has so many in flight at
	// least, and so many times as many for its weight as another.
	bendFrom  = 4
	bendTimes = 2
	bendDraws = 8 // others that are drawn to compare with

	// ringSteps is how far a session goes on the ring for an account that is ready.
	ringSteps = 8
)

// stuck takes the account that the request's session stays with, or that on which its
// name falls. A session that finds its account out of use moves; one that finds it much
// busier than another, or full, or starting slowly, goes elsewhere for this time. Where
// its account merely does not serve such requests, it has another one for these.
func (c *chooser) stuck(all *crowd) *attempt {
	c.home, c.seen = "", ""
	c.sticks = c.r.session != "" && c.t.sessions != nil && all.size > 1 && !c.bent
	if !c.sticks {
		return nil
	}
	if m := c.known(); m != nil {
		if at := c.atHome(m, all); at != nil {
			return at
		}
	}
	if c.sticks = !c.bent; c.bent || !ringed(c.t.cfg.Picker) {
		return nil
	}
	return c.byRing(all)
}

// atHome takes the session's account, if it is ready and no busier than it should be.
func (c *chooser) atHome(m *member, all *crowd) *attempt {
	why := c.usable(m)
	spared := c.waived && !c.lenient // it is the first that was asked
	switch {
	case why == fits && !c.tooBusy(m, all, 0):
		at, full := c.take(m)
		if at != nil && !c.tooBusy(m, all, 1) { // many may have come at the same moment
			return at
		}
		if at != nil {
			at.unmake()
		}
		c.left = append(c.left, m)
		c.bent = full || at != nil
	case why == fits, spared, why == absent && m.fullForNow(c.now, c.t.cfg.SessionTTL) && !c.hasTried(m):
		c.bent = true
	}
	return nil
}

// fullForNow tells whether the account is full, and will not be for longer than a session
// lives: it is worth to come back to.
func (m *member) fullForNow(now time.Time, life time.Duration) bool {
	f := m.counters.full.Load()
	return m.crowded(now) || f != nil && f.until > now.UnixNano() && !f.retryAt.IsZero() && f.retryAt.Sub(now) <= life
}

// known finds the account that the request's session has for such requests; nil: there is
// none, or it is gone. The request counts as a use of the session once.
func (c *chooser) known() *member {
	r, t := c.r, c.t
	var others []string
	if r.counted {
		c.seen, others, _ = t.sessions.look(r.tenant, r.session, c.now)
	} else {
		c.seen, others, r.counted = t.sessions.get(r.tenant, r.session, c.now)
	}
	for i := range 1 + len(others) {
		name := c.seen
		if i > 0 {
			name = others[i-1]
		}
		m := r.route.named(name)
		switch {
		case m != nil && m.suits(r) == "":
			c.home = name
			return m
		case c.home == "" && r.fleet.without(name):
			c.home = name
		}
	}
	return nil
}

// stay notes that the request's session stays with the attempt's account from now on,
// unless it goes there for this time only. What is chosen beside an attempt that is under
// way may never be asked, or lose: it takes the session along when it is preferred.
func (c *chooser) stay(at *attempt) {
	switch {
	case !c.sticks || at.Name == c.home:
	case c.s.beside:
		at.takes = &move{from: c.home, seen: c.seen}
	default:
		c.t.moveSession(c.r, move{from: c.home, seen: c.seen}, at.member, c.now)
	}
}

// settleDown has the session stay with an account that was chosen beside another one, and
// is now asked in its place, or has won.
func (s *serving) settleDown(at *attempt) {
	if at.takes != nil {
		s.t.moveSession(&s.Request, *at.takes, at.member, time.Now())
		at.takes = nil
	}
}

// leaveSession ends the request's use of its session, once.
func (s *serving) leaveSession() {
	if s.counted {
		s.counted = false
		s.t.sessions.leave(s.tenant, s.session, time.Now())
	}
}

// move is a session's way to another account.
type move struct {
	from string // the account that it leaves; "": none
	seen string // its Account when the other one was chosen; "": it was not known
}

// moveSession notes that a request's session stays with an account from now on.
func (t *Transport) moveSession(r *Request, by move, to *member, now time.Time) {
	var changed bool
	switch {
	case by.from != "":
		_, changed = t.sessions.rebind(r.tenant, r.session, by.from, to.Name, now)
	case by.seen != "":
		changed = t.sessions.extend(r.tenant, r.session, by.seen, to.Name, now)
	default:
		_, changed = t.sessions.bind(r.tenant, r.session, to.Name, now)
		r.counted = true
	}
	if changed {
		t.cfg.Logger.DebugContext(r.in.Context(), "Session stays with account",
			"request", r.number, "tenant", r.tenant, "session", r.session, "account", to.Name, "before", by.from)
	}
}

// without tells whether an account is none of the fleet's, or disabled in it.
func (f *fleet) without(name string) bool {
	m := f.byName[name]
	return m == nil || m.Disabled
}

// ringed tells whether a Picker spreads requests, so that a session can begin where its
// name falls. Others have an order in mind, and choose for sessions too.
func ringed(p Picker) bool {
	switch p.(type) {
	case LeastLoaded, RoundRobin, Random, Cheapest:
		return true
	default:
		return false
	}
}

// usable tells whether an account is ready, and right for the request.
func (c *chooser) usable(m *member) fitness {
	if _, why := m.ready(c.t, c.now, ""); why != ready {
		return absent
	}
	return c.fit(m)
}

// byRing takes the account on which a session's name falls, or one after that.
func (c *chooser) byRing(all *crowd) *attempt {
	hash := hashSession(c.r.tenant, c.r.session)
	for _, t := range all.tiers {
		steps := 0
		for i := range t.ringOf().walk(hash) {
			m := t.members[i]
			if c.usable(m) == fits && !c.tooBusy(m, all, 0) {
				if at, _ := c.take(m); at != nil {
					c.stay(at)
					return at
				}
				c.left = append(c.left, m)
			}
			if steps++; steps == ringSteps {
				break
			}
		}
		if t.anyReady(c.now) { // a lower priority is not better than another account of this
			return nil
		}
	}
	return nil
}

// tooBusy tells whether an account is much busier than others are: than the least busy of
// a few that are drawn, so that nobody has to ask all. own of its requests in flight are
// this one.
func (c *chooser) tooBusy(m *member, all *crowd, own int64) bool {
	inFlight := m.counters.inFlight.Load() - own
	if inFlight < bendFrom {
		return false
	}
	load, some := float64(inFlight)/float64(max(m.Weight, 1)), false
	for _, t := range all.tiers {
		for range bendDraws {
			i := t.any(c.now)
			if i < 0 {
				break
			}
			some = true
			other := t.members[i]
			if other != m && c.usable(other) == fits && load > bendTimes*float64(other.counters.inFlight.Load()+1)/float64(max(other.Weight, 1)) {
				return true
			}
		}
		if some { // those of a lower priority do not compare
			return false
		}
	}
	return false
}

// any is a place of the tier that is ready, as far as is known, by chance; -1: there is
// none.
func (t *tier) any(now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ripen(now.UnixNano())
	if t.order.len() == 0 {
		return -1
	}
	return t.order.any()
}

// ringOf is the tier's ring, made when it is needed.
func (t *tier) ringOf() *ring {
	t.rings.Do(func() {
		names, weights := make([]string, len(t.members)), make([]int, len(t.members))
		for i, m := range t.members {
			names[i], weights[i] = m.Name, m.Weight
		}
		t.ring = newRing(names, weights)
	})
	return t.ring
}

// anyReady tells whether some account of the tier is ready, as far as is known.
func (t *tier) anyReady(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ripen(now.UnixNano())
	return t.order.len() > 0
}

// Sessions lists the live sessions and the accounts that they stay with, those used
// last first, at most so many.
func (t *Transport) Sessions(most int) []Session {
	if t.sessions == nil {
		return nil
	}
	return t.sessions.list(most, time.Now())
}

// ClearSession lets the next request of a session choose its account afresh. It tells
// whether the session was known.
func (t *Transport) ClearSession(tenant, session string) bool {
	return t.sessions != nil && t.sessions.clear(bounded(tenant), bounded(session), time.Now())
}

// ClearTenantSessions does that for all sessions of a tenant; "" are those without one.
// It tells how many there were.
func (t *Transport) ClearTenantSessions(tenant string) int {
	if t.sessions == nil {
		return 0
	}
	return t.sessions.clearTenant(bounded(tenant), time.Now())
}

// ClearSessions does that for all sessions. It tells how many there were.
func (t *Transport) ClearSessions() int {
	if t.sessions == nil {
		return 0
	}
	return t.sessions.clearAll(time.Now())
}
