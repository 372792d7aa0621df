package health

import (
	"fmt"
	"time"
)

// Policy turns outcomes into states. Its methods are pure: the same arguments give the same result, nothing is read or
// written elsewhere, and any number of goroutines may call them. The zero Policy is the default one.
//
// A negative duration or number means none: no such rest, no such cap, no such threshold. Of what makes no sense,
// [Policy.Validate] says so; a policy that it refuses is still safe to use.
type Policy struct {
	Failures         int           // failures in a row before a rest; 0: 5; negative: no row of them causes one, except that of a probe
	Ratio            float64       // a failure begins a rest where more than this share of the attempts within Window failed, in a row or not; 0: 0.5; negative: none. See the type Window
	Window           time.Duration // for how long an attempt counts for Ratio; 0: 1 min; negative: Ratio is off
	MinSamples       int           // attempts within Window before Ratio is judged by; 0: 20; negative: 1
	DisableAfter     int           // failures in a row, counted across rests, before disabling; 0 and below: never
	Rest             time.Duration // first rest, doubled each time the probe fails; 0: 30 s; negative: failures cause no rest at all
	MaxRest          time.Duration // longest such rest, before jitter; 0: 30 min; negative: no cap
	Jitter           float64       // up to this share is added to a rest; 0: 0.1; negative: none. A reset that the provider named is moved by a second at most
	RateLimitRest    time.Duration // rest where the provider named no reset; 0: 30 s; negative: none
	MaxRateLimitRest time.Duration // a reset further away is not trusted: after this long it is probed; 0: 1 h; negative: no cap
	ClaimTTL         time.Duration // how long a probe may take before another may try; 0 and below: 2 min
	AuthFailures     int           // refusals in a row, of the credential or for want of money, before disabling; 0: 2; negative: only the permanent ones disable
	SlowStart        time.Duration // how long Share takes to climb to 1 after a recovery; 0: 30 s; negative: none
}

// minRateLimitRest is the shortest rest for a rate limit: "retry after 0 s" on a 429 is not to be taken at its word.
const minRateLimitRest = time.Second

// maxResetJitter bounds by how much a reset that the provider named is moved: it is known, so waiting longer is waste.
const maxResetJitter = time.Second

// Apply is the state after the outcome. If the outcome changes nothing, it is s itself, so a caller that holds a recent
// state can see without asking the store that there is nothing to write: p.Apply(s, o, now) == s.
//
// What an outcome does:
//
//   - A success sets the counts of failures to zero, ends a rest for failures, and closes a half-open subject. It does not
//     shorten a rest for a rate limit, and does not enable what is disabled. That it was free says nothing about money:
//     then it only gives the claim back where the subject is out of use for want of that. A success alone is never
//     counted, so of a healthy subject it changes nothing; Outcome.Successes brings it later.
//   - A failure is counted. The Policy.Failures-th in a row, any of a probe, and one with which too large a share of the
//     recent attempts have failed, begins a rest. The Policy.DisableAfter-th in a row disables.
//   - A rest lasts until the reset that the provider named (at least a second), then the subject is in use again. If
//     none was named, or if it lies beyond the cap, one probe goes first.
//   - A refusal, of the credential or for want of money, begins a rest, until Outcome.Until if that is further away (but
//     capped like a rate limit), and a probe after it; so many in a row, or a permanent one, disable. Refusals of
//     attempts that were under way together count as one, since a burst of them is what an incident at the provider
//     looks like.
//
// While a rest is running, nothing moves its end but a reset that the provider named, and that only further away. An
// attempt that began before the last rest, recovery or claim is late: what became of it neither clears nor counts,
// except for a reset that the provider named, and a permanent refusal of a subject that rests or waits for its probe.
func (p Policy) Apply(s State, o Outcome, now time.Time) State {
	now = instant(now)
	if s.Disabled {
		return s
	}
	var next State
	switch o.Kind {
	case OutcomeSuccess:
		next = p.succeed(s, o, now)
	case OutcomeRest:
		next = p.limit(s, o, now)
	case OutcomeDisable:
		next = p.refuse(s, o, CauseRefused, now)
	case OutcomeExhausted:
		next = p.refuse(s, o, CauseExhausted, now)
	case OutcomeNeutral:
		next = s
		if !s.late(o.started(now)) {
			next = s.released()
		}
	default:
		next = p.fail(s, o, now)
	}
	return stamp(s, next, now)
}

// succeed is the state after a success.
func (p Policy) succeed(s State, o Outcome, now time.Time) State {
	phase := s.Phase(now)
	switch {
	case s.late(o.started(now)), phase == PhaseOpen && s.Cause == CauseLimit:
		return s
	case phase == PhaseClosed && s.Failures == 0 && s.AuthFailures == 0:
		return s
	case phase == PhaseClosed:
		s.Failures, s.AuthFailures, s.Reason = 0, 0, ""
		return p.counted(s, o, 0, 1, now)
	case o.provesNothing(s):
		return s.released()
	default:
		return s.recovered(now)
	}
}

// provesNothing reports whether a success cost nothing where the question is whether there is money.
func (o Outcome) provesNothing(s State) bool { return o.Free && s.Cause == CauseExhausted }

// fail is the state after a failure.
func (p Policy) fail(s State, o Outcome, now time.Time) State {
	phase := s.Phase(now)
	if s.late(o.started(now)) || phase == PhaseOpen {
		return s
	}
	if s = p.failed(s, o, now); s.Disabled {
		return s
	}
	if phase == PhaseHalfOpen {
		return p.rest(s, o, CauseFailure, now)
	}
	s = p.counted(s, o, 1, 0, now)
	if threshold := orDefault(p.Failures, 5); threshold > 0 && s.Failures >= threshold {
		return p.rest(s, o, CauseFailure, now)
	}
	if why, yes := p.tooMany(s.Window); yes {
		s.Reason = o.because(why)
		return p.rest(s, o, CauseFailure, now)
	}
	return s
}

// failed is the state with a failure more in the row, and disabled if that is too long.
func (p Policy) failed(s State, o Outcome, now time.Time) State {
	s.Failures++
	s.LastFailure, s.Reason = now, o.reason()
	if p.DisableAfter > 0 && s.Failures >= p.DisableAfter {
		return s.disabled(CauseFailure, o.because(fmt.Sprintf("disabled after %d failures in a row", s.Failures)), now)
	}
	return s
}

// refuse is the state after a refusal, of the credential or for want of money.
func (p Policy) refuse(s State, o Outcome, cause Cause, now time.Time) State {
	late := s.late(o.started(now))
	// A permanent reason is news for a subject that rests, however old the attempt; not for one that was enabled since.
	if late && (!o.Permanent || s.RestUntil.IsZero()) {
		return s
	}
	s.AuthFailures++
	s.LastFailure, s.Reason = now, o.reason()
	threshold := orDefault(p.AuthFailures, 2)
	if o.Permanent || threshold > 0 && s.AuthFailures >= threshold {
		return s.disabled(cause, o.reason(), now)
	}
	if s.Phase(now) != PhaseOpen {
		return p.restAtLeast(s, o, cause, now)
	}
	if s.Cause != CauseLimit {
		s.Cause = cause
	}
	return s
}

// stamp is next with a version above that of s, or s if nothing changed.
func stamp(s, next State, now time.Time) State {
	next.Version = s.Version
	if next == s {
		return s
	}
	next.Version++
	if n := now.UnixNano(); n > 0 && uint64(n) > next.Version {
		next.Version = uint64(n)
	}
	return next
}

// orDefault is v, or the default where v is zero.
func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
