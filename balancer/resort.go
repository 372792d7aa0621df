package balancer

import (
	"time"

	"github.com/aitransport/aitransport/health"
)

// lastResort takes the account that recovers first, when all that would do rest and
// none has been tried for the request: it may be well again, and the caller would get
// no answer otherwise. One request at a time may do that at an account. A rest that
// the provider itself asked for, until a time that it named, is kept, and so is one
// for want of money or of a credential.
func (c *chooser) lastResort(all *crowd) *attempt {
	if c.t.cfg.NoLastResort || len(c.s.log) > 0 || c.s.repeated || c.s.beside || c.declined {
		return nil
	}
	now := time.Now()
	var (
		best  *member
		until int64 = noEnd
	)
	for _, t := range all.tiers {
		if m, at := t.firstResting(c, now); at < until {
			best, until = m, at
		}
	}
	if best == nil || c.patience(now) > 0 && until <= now.Add(c.patience(now)).UnixNano() {
		return nil // or it is worth to wait for
	}
	if !best.counters.resort.CompareAndSwap(false, true) {
		return nil
	}
	var at *attempt
	defer func() {
		if at == nil { // also when a store panics
			best.counters.resort.Store(false)
		}
	}()
	c.resorts = true
	if at, _ = c.take(best); at != nil {
		at.resort = true
	}
	return at
}

// maxResting is how many of those that rest are looked at.
const maxResting = 64

// firstResting is the account that rests and recovers first, of the first few; nil
// and noEnd: there is none.
func (t *tier) firstResting(c *chooser, now time.Time) (found *member, until int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	until = noEnd
	for _, i := range t.resting.queue[:min(len(t.resting.queue), maxResting)] {
		m := t.members[i]
		if at := t.resting.until[i]; at < until && c.mayResort(m, now) {
			found, until = m, at
		}
	}
	return found, until
}

// mayResort tells whether nothing but rests that are a guess keep an account from
// being used.
func (c *chooser) mayResort(m *member, now time.Time) bool {
	if _, why := m.busy(now); why != ready || c.unpriced(m) {
		return false
	}
	kept := func(s health.State) bool {
		switch s.Phase(now) {
		case health.PhaseClosed:
			return false
		case health.PhaseOpen:
			return s.Cause != health.CauseFailure && !m.policy.GuessedLimit(s)
		default:
			return s.Phase(now) == health.PhaseDisabled || tested(s, now)
		}
	}
	for _, d := range m.domains {
		if s := d.state.Load(); s != nil && kept(*s) {
			return false
		}
	}
	for _, s := range m.ofModel(c.r) {
		if d := c.t.domains.ofModel(s); d != nil && kept(d.known()) {
			return false
		}
	}
	return true
}
