package health

import "time"

// leastShare is where slow start begins: enough to learn from, too little to fall over.
const leastShare = 0.1

// Share is the part of its usual load that the subject should get at the time now, from 0.1 to 1. After a recovery (the
// success of a probe or of a check, or [Policy.Enable]) it climbs evenly from 0.1 to 1 within Policy.SlowStart; a
// subject that never failed has 1, and so has one whose rate limit ended at the reset that the provider named. One that
// rests, waits for its probe or is disabled has 0.1, for whoever has nothing else to choose. Without a slow start it is
// always 1.
//
// An attempt that touches several subjects has the smallest of their shares.
func (p Policy) Share(s State, now time.Time) float64 {
	ramp := orDefault(p.SlowStart, 30*time.Second)
	if ramp <= 0 {
		return 1
	}
	if s.Phase(now) != PhaseClosed {
		return leastShare
	}
	since := now.Sub(s.Recovered)
	if s.Recovered.IsZero() || since >= ramp {
		return 1
	}
	return leastShare + (1-leastShare)*float64(max(since, 0))/float64(ramp)
}
