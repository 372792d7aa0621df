package health

import (
	"math"
	"time"
)

// rest begins a rest for failures or a refusal: twice as long as the one before.
func (p Policy) rest(s State, o Outcome, cause Cause, now time.Time) State {
	length := doubled(orDefault(p.Rest, 30*time.Second), s.Rests, orDefault(p.MaxRest, 30*time.Minute))
	s = s.released()
	if length <= 0 {
		return s
	}
	s.Rests++
	length = addDuration(length, p.jitter(length, length, o.Seed, uint64(now.UnixNano())))
	s.Cause, s.Since, s.RestUntil, s.ProbeDue = cause, now, now.Add(length), true
	s.Window = Window{} // the next thing to happen is a probe, and what that says counts alone
	return s
}

// restAtLeast is rest, until the time that the provider named if that is further away and not beyond the cap.
func (p Policy) restAtLeast(s State, o Outcome, cause Cause, now time.Time) State {
	s = p.rest(s, o, cause, now)
	if o.Until.IsZero() {
		return s
	}
	if until, _ := p.reset(o, now, now); until.After(s.RestUntil) {
		s.Cause, s.Since, s.RestUntil, s.ProbeDue, s.Window = cause, now, until, true, Window{}
	}
	return s
}

// limit is the state after a rate limit.
func (p Policy) limit(s State, o Outcome, now time.Time) State {
	running := s.Phase(now) == PhaseOpen
	late := s.late(o.started(now))
	if o.Until.IsZero() {
		if running || late {
			return s
		}
		return p.guessedLimit(s, o, now)
	}
	// The cap of a late attempt, and of one during a rest, counts from where the rest began: else a stream of them
	// would push its end ahead of itself for ever.
	from := now
	if running || late {
		from = s.Since
	}
	until, trusted := p.reset(o, from, now)
	switch {
	case running:
		if until.After(s.RestUntil) {
			s.RestUntil, s.Reason = until, o.reason()
		}
		s.Cause, s.ProbeDue = CauseLimit, s.ProbeDue || !trusted
		return s
	case !until.After(now):
		return s
	default:
		return p.beginLimit(s, o, now, until, !trusted)
	}
}

// guessedLimit begins a rest of the default length, with a probe after it.
func (p Policy) guessedLimit(s State, o Outcome, now time.Time) State {
	length := orDefault(p.RateLimitRest, 30*time.Second)
	if length <= 0 {
		return s.released()
	}
	if longest := orDefault(p.MaxRateLimitRest, time.Hour); longest > 0 {
		length = min(length, longest)
	}
	length = addDuration(length, p.jitter(length, length, o.Seed, uint64(now.UnixNano())))
	return p.beginLimit(s, o, now, now.Add(length), true)
}

// reset is when to come back after a rate limit whose reset the provider named, and whether that reset is trusted: it
// lies at most the cap after from.
func (p Policy) reset(o Outcome, from, now time.Time) (until time.Time, trusted bool) {
	until, trusted = instant(o.Until), true
	if soonest := from.Add(minRateLimitRest); until.Before(soonest) {
		until = soonest
	}
	if longest := orDefault(p.MaxRateLimitRest, time.Hour); longest > 0 && until.After(from.Add(longest)) {
		until, trusted = from.Add(longest), false
	}
	// The same reset gets the same jitter, so that many attempts that were told of it agree on its end.
	jitter := p.jitter(until.Sub(now), maxResetJitter, o.Seed, uint64(instant(o.Until).UnixNano()))
	return until.Add(jitter), trusted
}

// beginLimit begins a rest for a rate limit. A probe that was due before stays due.
func (p Policy) beginLimit(s State, o Outcome, now, until time.Time, probe bool) State {
	if o.Successes > 0 {
		s = p.counted(s, o, 0, 0, now)
	}
	s = s.released()
	s.Cause, s.Since, s.RestUntil, s.ProbeDue = CauseLimit, now, until, s.ProbeDue || probe
	s.LastFailure, s.Reason = now, o.reason()
	return s
}

// doubled is d doubled n times, at most longest (if that is above 0), and never more than a duration can hold.
func doubled(d time.Duration, n int, longest time.Duration) time.Duration {
	for ; n > 0 && d > 0 && (longest <= 0 || d < longest); n-- {
		d = addDuration(d, d)
	}
	if longest > 0 {
		d = min(d, longest)
	}
	return d
}

// jitter is between nothing and the policy's share of length, but less than most, drawn from the numbers given and from
// nothing else.
func (p Policy) jitter(length, most time.Duration, seed, salt uint64) time.Duration {
	share := orDefault(p.Jitter, 0.1)
	if !(share > 0) || length <= 0 { // not even where the share is no number
		return 0
	}
	const bits = 53 // of a float64's fraction
	draw := float64(mix(mix(seed)+salt)>>(64-bits)) / (1 << bits)
	return time.Duration(min(float64(length)*min(share, 1), float64(most)) * draw)
}

// mix is SplitMix64's finaliser: it spreads every bit of x over the whole result.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// addDuration is a+b for durations that are not negative, at most the longest that there is.
func addDuration(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
