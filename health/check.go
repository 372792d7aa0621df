package health

import "time"

// ClaimCheck takes an active check of a subject: an attempt that no request asked for, made to find out how the subject
// is. Of all who want to check it at that interval, on any number of instances, one gets true; the others get false
// until the interval has passed since then. An interval of 0 and below: always true, but for the next rule. It serves
// in every phase. For a half-open subject it takes the probe too, and is false while somebody holds that: two would be
// one too many. It counts only if it was done inside [Store.Update], like [Policy.Claim].
func (p Policy) ClaimCheck(s State, interval time.Duration, now time.Time) (State, bool) {
	now = instant(now)
	// A check that lies ahead by more than the interval was noted by a clock that was wrong.
	if age := now.Sub(s.LastCheck); !s.LastCheck.IsZero() && age < interval && age > -interval {
		return s, false
	}
	next := s
	if s.Phase(now) == PhaseHalfOpen {
		var mine bool
		if next, mine = p.Claim(s, now); !mine {
			return s, false
		}
	}
	next.LastCheck = now
	return stamp(s, next, now), true
}

// Checked is the state after an active check of the subject. It is [Policy.Apply], except that nobody's request was
// there to be harmed, so that a check may find out more:
//
//   - A success enables what is disabled, unless a person disabled it ([Policy.Disable]), and unless the check was free
//     and the money is gone. It ends a rest for failures or a refusal early, as any success does whose attempt began
//     after the rest did; it does not end a rest for a rate limit.
//   - A failure counts also while a rest is running, towards Policy.DisableAfter. It does not move the end of the rest.
//
// A check that began before the rest, the disabling, the recovery or the claim is late, as in Apply: Outcome.Started
// matters. Of a disabled subject nothing but such a success changes the state.
func (p Policy) Checked(s State, o Outcome, now time.Time) State {
	now = instant(now)
	if s.late(o.started(now)) {
		return p.Apply(s, o, now)
	}
	switch phase := s.Phase(now); {
	case phase == PhaseDisabled && o.Kind == OutcomeSuccess && s.Cause != CausePerson && !o.provesNothing(s):
		return stamp(s, s.recovered(now), now)
	case phase == PhaseOpen && (o.Kind == OutcomeFailure || o.Kind == OutcomeUnknown):
		return stamp(s, p.failed(s, o, now), now)
	default:
		return p.Apply(s, o, now)
	}
}
