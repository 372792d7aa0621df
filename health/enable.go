package health

import "time"

// Enable is the state after a person found the subject fit: no rest, no counts, not disabled. Outcomes of attempts that
// began before now do not count against it. If it was out of use, it starts slowly ([Policy.Share]), as after any
// recovery: whoever enables it knows that it works again, but not that it bears its whole load at once.
func (p Policy) Enable(s State, now time.Time) State {
	now = instant(now)
	next := s.recovered(now)
	if s.Phase(now) == PhaseClosed {
		next.Recovered = s.Recovered
	}
	return stamp(s, next, now)
}

// Disable is the state after a person took the subject out of use, for the reason given (at most 256 bytes of it are
// kept; it must not hold a secret). Nothing but [Policy.Enable] ends that: no success, and no check.
func (p Policy) Disable(s State, reason string, now time.Time) State {
	now = instant(now)
	if s.Disabled && s.Cause == CausePerson && s.Reason == cut(reason) {
		return s
	}
	return stamp(s, s.disabled(CausePerson, cut(reason), now), now)
}

// ResetCounts is the state with its failures, refusals and rests forgotten, as if none had happened, but nothing else
// changed: a rest goes on, and what is disabled stays so. The next rest is as short as the first.
func (p Policy) ResetCounts(s State, now time.Time) State {
	next := s
	next.Failures, next.AuthFailures, next.Rests, next.Window = 0, 0, 0, Window{}
	return stamp(s, next, instant(now))
}
