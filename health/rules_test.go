package health_test

import (
	"time"

	"github.com/aitransport/aitransport/health"
)

// rules checks what one outcome may do to a state.
func (m *machine) rules(before health.State, o health.Outcome, check bool) {
	phase, late := before.Phase(m.now), !o.Started.IsZero() && o.Started.Before(before.Since)
	success := o.Kind == health.OutcomeSuccess
	switch {
	case before.Disabled:
		m.require(m.s == before || check && success && before.Cause != health.CausePerson && !late, before,
			"nothing enables but a person, and a check after what a person did not disable: %+v", o)
	case phase == health.PhaseOpen && !m.s.Disabled:
		cleared := m.s.RestUntil.Before(before.RestUntil)
		m.require(!cleared || success, before, "only a success ends a rest: %+v", o)
		m.require(!cleared || before.Cause != health.CauseLimit, before, "a success does not clear a rate limit: %+v", o)
		m.require(!cleared || !late, before, "a late success clears nothing: %+v", o)
		moved := m.s.RestUntil.After(before.RestUntil)
		m.require(!moved || o.Kind == health.OutcomeRest && !o.Until.IsZero(), before, "only a named reset moves the end: %+v", o)
		m.require(m.s.Since.Equal(before.Since) || cleared, before, "a rest that runs does not begin again: %+v", o)
	case late && o.Kind != health.OutcomeRest && !o.Permanent:
		m.require(m.s == before, before, "what is late is no news: %+v", o)
	case phase == health.PhaseClosed && success && before.Failures+before.AuthFailures == 0:
		m.require(m.s == before, before, "a success of a healthy subject is not worth a write: %+v", o)
	case phase == health.PhaseHalfOpen && o.Kind == health.OutcomeFailure && !m.s.Disabled:
		m.require(m.s == before || m.s.Failures > before.Failures, before, "a failure of a probe counts, or is late: %+v", o)
	}
	if o.Kind == health.OutcomeNeutral {
		claimless := before
		claimless.ProbeFrom, claimless.ProbeUntil, claimless.Version = time.Time{}, time.Time{}, m.s.Version
		m.require(m.s == before || m.s == claimless, before, "the caller's fault counts for nothing: %+v", o)
	}
	if phase != health.PhaseClosed && m.s.Phase(m.now) == health.PhaseClosed {
		m.require(success, before, "only a success, a person and the clock bring it back into use: %+v", o)
		m.require(m.s.Recovered.Equal(m.now), before, "who comes back starts slowly: %+v", o)
	}
}

// always checks what holds in every state.
func (m *machine) always(before health.State) {
	m.require(m.s == before || m.s.Version > before.Version, before, "each change has a higher version")
	m.ends(before)
	phase := m.s.Phase(m.now)
	m.require(phase != health.PhaseClosed || !m.s.ProbeDue && m.s.Rests == 0, before, "in use without a success after a rest for failures")
	m.require(!m.s.Disabled || m.s.RestUntil.IsZero() && !m.s.ProbeDue && m.s.ProbeFrom.IsZero(), before, "disabled is neither resting nor probed")
	m.require(len(m.s.Reason) <= 256, before, "a reason is bounded")
	w := m.s.Window
	m.require(min(w.Failures, w.Successes, w.PastFailures, w.PastSuccesses) >= 0 && !w.From.After(m.now), before, "a window counts what was")

	share, soon := m.p.Share(m.s, m.now), m.p.Share(m.s, m.now.Add(time.Second))
	m.require(share >= 0.1 && share <= 1, before, "a share is from 0.1 to 1: %v", share)
	m.require(soon >= share, before, "a share climbs: %v, then %v", share, soon)

	bytes, err := m.s.MarshalBinary()
	m.require(err == nil, before, "to make bytes never fails")
	var read health.State
	err = read.UnmarshalBinary(bytes)
	m.require(err == nil && read == m.s, before, "a state survives being kept as bytes")
}

// ends checks that whoever is told to stay away is told until when, and then may come.
func (m *machine) ends(before health.State) {
	verdict := m.p.Allow(m.s, m.now)
	switch {
	case verdict.Decision != health.DecisionNo:
	case m.s.Disabled:
		m.require(verdict.Until.IsZero(), before, "what is disabled has no end")
	default:
		m.require(verdict.Until.After(m.now), before, "a no says until when")
		m.require(!verdict.Until.After(m.now.Add(m.longest())), before, "no rest is longer than the policy's longest")
		m.require(m.p.Allow(m.s, verdict.Until).Decision != health.DecisionNo, before, "no rest is without an end")
	}
}

// longest is how long anybody may ever be told to stay away.
func (m *machine) longest() time.Duration {
	longest := time.Duration(0)
	for _, d := range [][2]time.Duration{{m.p.MaxRest, 30 * time.Minute}, {m.p.MaxRateLimitRest, time.Hour}, {m.p.ClaimTTL, 2 * time.Minute}} {
		if d[0] == 0 {
			d[0] = d[1]
		}
		longest = max(longest, d[0])
	}
	jitter := m.p.Jitter
	if jitter == 0 {
		jitter = 0.1
	}
	return longest + time.Duration(float64(longest)*max(jitter, 0)) + time.Second
}
