package health_test

import (
	"time"

	"github.com/aitransport/aitransport/health"
)

// model is a second policy, written from the promises and not from the code: slow,
// and as plain as can be. It remembers every fact there ever was, and works out
// what holds now by reading them all. It knows no defaults and no jitter: each
// field of its policy has to be set.
type model struct {
	p     health.Policy
	facts []fact
}

type factKind uint8

const (
	failed    factKind = iota // a failure that counted
	refused                   // a refusal that counted
	worked                    // a success that ended a row
	told                      // successes heard of along with something else
	rested                    // a rest began
	extended                  // the running rest goes on until another time, or for another cause
	recovered                 // back into use
	disabled
	claimed
	released // the claim was given back
	reset    // counts forgotten
	inspected
)

type fact struct {
	kind    factKind
	at      time.Time
	until   time.Time    // rested, extended, claimed
	cause   health.Cause // rested, extended, disabled
	probe   bool         // rested, extended: one attempt has to succeed afterwards
	longer  bool         // rested: the next one is twice as long
	sampled bool         // failed: counts for the share
	slowly  bool         // recovered: slow start
	n       int          // worked, told: how many successes
}

func (m *model) note(f fact) { m.facts = append(m.facts, f) }

// last is the latest fact of these kinds; where there is none, ok is false.
func (m *model) last(kinds ...factKind) (f fact, ok bool) {
	for i := len(m.facts) - 1; i >= 0; i-- {
		for _, k := range kinds {
			if m.facts[i].kind == k {
				return m.facts[i], true
			}
		}
	}
	return fact{}, false
}

// row is how many facts there are that count, since the last of the kinds that end a row.
func (m *model) row(counts func(fact) bool, ends ...factKind) int {
	n := 0
	for _, f := range m.facts {
		for _, k := range ends {
			if f.kind == k {
				n = 0
			}
		}
		if counts(f) {
			n++
		}
	}
	return n
}

func (m *model) failures() int {
	return m.row(func(f fact) bool { return f.kind == failed }, worked, recovered, reset)
}

func (m *model) refusals() int {
	return m.row(func(f fact) bool { return f.kind == refused }, worked, recovered, reset)
}

func (m *model) rests() int {
	return m.row(func(f fact) bool { return f.kind == rested && f.longer }, worked, recovered, disabled, reset)
}

func (m *model) phase(now time.Time) health.Phase {
	f, ok := m.last(rested, extended, recovered, disabled)
	switch {
	case !ok || f.kind == recovered:
		return health.PhaseClosed
	case f.kind == disabled:
		return health.PhaseDisabled
	case now.Before(f.until):
		return health.PhaseOpen
	case f.probe:
		return health.PhaseHalfOpen
	default:
		return health.PhaseClosed
	}
}

// due tells whether a probe has to succeed before the subject is in use again.
func (m *model) due() bool {
	f, _ := m.last(rested, extended, recovered, disabled)
	return f.probe
}

func (m *model) cause() health.Cause {
	f, _ := m.last(rested, extended, recovered, disabled)
	return f.cause
}

// claim is the claim that somebody took and nobody gave back; it may have lapsed.
func (m *model) claim() (f fact, held bool) {
	f, ok := m.last(claimed, released, rested, recovered, disabled)
	return f, ok && f.kind == claimed
}

func (m *model) late(started time.Time) bool {
	if c, held := m.claim(); held {
		return started.Before(c.at)
	}
	switch f, ok := m.last(rested, recovered, disabled); {
	case !ok:
		return false
	case f.kind == recovered:
		return started.Before(f.at)
	default:
		return !started.After(f.at)
	}
}

// tooMany counts the samples of this half window and of the one before, each on its own.
func (m *model) tooMany(now time.Time) bool {
	half := int64(m.p.Window / 2)
	if half <= 0 || m.p.Ratio < 0 {
		return false
	}
	bad, all := 0, 0
	for _, f := range m.facts {
		switch young := f.at.UnixNano()/half >= now.UnixNano()/half-1; {
		case f.kind == rested && f.cause != health.CauseLimit, f.kind == recovered, f.kind == disabled, f.kind == reset:
			bad, all = 0, 0
		case f.kind == failed && f.sampled && young:
			bad, all = bad+1, all+1
		case (f.kind == worked || f.kind == told) && young:
			all += f.n
		}
	}
	return all >= m.p.MinSamples && float64(bad) > m.p.Ratio*float64(all)
}

// apply is Policy.Apply, or for a check Policy.Checked.
func (m *model) apply(o health.Outcome, check bool, now time.Time) {
	phase, started := m.phase(now), o.Started
	if started.IsZero() {
		started = now
	}
	late := m.late(started)
	free := o.Free && m.cause() == health.CauseExhausted
	if phase == health.PhaseDisabled {
		if check && o.Kind == health.OutcomeSuccess && !late && !free && m.cause() != health.CausePerson {
			m.note(fact{kind: recovered, at: now, slowly: true})
		}
		return
	}
	switch o.Kind {
	case health.OutcomeRest:
		m.limit(o, phase, late, now)
	case health.OutcomeDisable:
		m.refuse(o, health.CauseRefused, phase, late, now)
	case health.OutcomeExhausted:
		m.refuse(o, health.CauseExhausted, phase, late, now)
	case health.OutcomeNeutral:
		if !late {
			m.release(now)
		}
	case health.OutcomeSuccess:
		m.succeed(o, phase, late, free, now)
	default:
		m.fail(o, check, phase, late, now)
	}
}

func (m *model) release(now time.Time) {
	if _, held := m.claim(); held {
		m.note(fact{kind: released, at: now})
	}
}

func (m *model) succeed(o health.Outcome, phase health.Phase, late, free bool, now time.Time) {
	switch {
	case late, phase == health.PhaseOpen && m.cause() == health.CauseLimit:
	case phase == health.PhaseClosed:
		if m.failures()+m.refusals() > 0 {
			m.note(fact{kind: worked, at: now, n: o.Successes + 1})
		}
	case free:
		m.release(now)
	default:
		m.note(fact{kind: recovered, at: now, slowly: true})
	}
}

func (m *model) fail(o health.Outcome, check bool, phase health.Phase, late bool, now time.Time) {
	if late || phase == health.PhaseOpen && !check {
		return
	}
	closed := phase == health.PhaseClosed
	if closed {
		m.note(fact{kind: told, at: now, n: o.Successes})
	}
	m.note(fact{kind: failed, at: now, sampled: closed})
	switch row := m.failures(); {
	case m.p.DisableAfter > 0 && row >= m.p.DisableAfter:
		m.note(fact{kind: disabled, at: now, cause: health.CauseFailure})
	case phase == health.PhaseHalfOpen, closed && m.p.Failures > 0 && row >= m.p.Failures, closed && m.tooMany(now):
		m.rest(health.CauseFailure, time.Time{}, now)
	}
}

// rest begins a rest for failures or a refusal, at least until the time given.
func (m *model) rest(cause health.Cause, atLeast, now time.Time) {
	length := m.p.Rest
	for range m.rests() {
		length = min(2*length, m.p.MaxRest)
	}
	f := fact{kind: rested, at: now, until: now.Add(length), cause: cause, probe: true, longer: length > 0}
	if atLeast.After(f.until) {
		f.until = atLeast
	}
	if f.until.After(now) {
		m.note(f)
	} else {
		m.release(now)
	}
}

// within is the reset that the provider named: at least a second and at most the cap after from.
func (m *model) within(until, from time.Time) time.Time {
	if soonest := from.Add(time.Second); until.Before(soonest) {
		until = soonest
	}
	if latest := from.Add(m.p.MaxRateLimitRest); until.After(latest) {
		until = latest
	}
	return until
}

func (m *model) limit(o health.Outcome, phase health.Phase, late bool, now time.Time) {
	from, began := now, now
	if phase == health.PhaseOpen || late {
		f, _ := m.last(rested, recovered)
		from = f.at
	}
	until := m.within(o.Until, from)
	guess := o.Until.IsZero()
	capped := until.Before(o.Until)
	switch {
	case guess && (late || phase == health.PhaseOpen):
	case phase == health.PhaseOpen:
		running, _ := m.last(rested, extended)
		if running.until.After(until) {
			until = running.until
		}
		m.note(fact{kind: extended, at: now, until: until, cause: health.CauseLimit, probe: running.probe || capped})
	case guess && m.p.RateLimitRest <= 0:
		m.release(now)
	case !guess && !until.After(now):
	default:
		if guess {
			until = now.Add(min(m.p.RateLimitRest, m.p.MaxRateLimitRest))
		}
		m.note(fact{kind: told, at: now, n: o.Successes})
		m.note(fact{kind: rested, at: began, until: until, cause: health.CauseLimit, probe: m.due() || guess || capped})
	}
}

func (m *model) refuse(o health.Outcome, cause health.Cause, phase health.Phase, late bool, now time.Time) {
	newest, ok := m.last(rested, recovered)
	if late && (!o.Permanent || !ok || newest.kind == recovered) {
		return
	}
	m.note(fact{kind: refused, at: now})
	switch {
	case o.Permanent, m.p.AuthFailures > 0 && m.refusals() >= m.p.AuthFailures:
		m.note(fact{kind: disabled, at: now, cause: cause})
	case phase != health.PhaseOpen && o.Until.IsZero():
		m.rest(cause, time.Time{}, now)
	case phase != health.PhaseOpen:
		m.rest(cause, m.within(o.Until, now), now)
	case m.cause() != health.CauseLimit:
		running, _ := m.last(rested, extended)
		running.kind, running.cause = extended, cause
		m.note(running)
	}
}

// take is Policy.Claim.
func (m *model) take(now time.Time) bool {
	switch m.phase(now) {
	case health.PhaseClosed:
		return true
	case health.PhaseHalfOpen:
		if c, held := m.claim(); held && now.Before(c.until) {
			return false
		}
		m.note(fact{kind: claimed, at: now, until: now.Add(m.p.ClaimTTL)})
		return true
	default:
		return false
	}
}

// inspect is Policy.ClaimCheck.
func (m *model) inspect(interval time.Duration, now time.Time) bool {
	if f, ok := m.last(inspected); ok && now.Before(f.at.Add(interval)) {
		return false
	}
	if m.phase(now) == health.PhaseHalfOpen && !m.take(now) {
		return false
	}
	m.note(fact{kind: inspected, at: now})
	return true
}

// share is Policy.Share.
func (m *model) share(now time.Time) float64 {
	if m.phase(now) != health.PhaseClosed {
		return 0.1
	}
	for i := len(m.facts) - 1; i >= 0; i-- {
		if f := m.facts[i]; f.kind == recovered && f.slowly {
			return min(1, 0.1+0.9*now.Sub(f.at).Seconds()/m.p.SlowStart.Seconds())
		}
	}
	return 1
}
