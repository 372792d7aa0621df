package health

import "time"

// Decision is whether a subject may be used.
type Decision uint8

// The decisions.
const (
	DecisionUnknown Decision = iota // not decided; not a yes
	DecisionYes                     // use it
	DecisionClaim                   // use it if Policy.Claim, done in the store, says so
	DecisionNo                      // leave it alone until Verdict.Until
)

var decisionNames = [...]string{"unknown", "yes", "claim", "no"}

// String is the decision in one word.
func (d Decision) String() string { return enumName(decisionNames[:], "decision", uint8(d)) }

// Verdict is what a policy says about using a subject now.
type Verdict struct {
	Decision Decision
	Until    time.Time // for DecisionNo: ask again then; zero: it is disabled
	Reason   string    // for DecisionNo: why, for people
}

// Allow says whether the subject may be used at the time now. It changes nothing: between DecisionClaim and the attempt
// stands [Policy.Claim].
func (p Policy) Allow(s State, now time.Time) Verdict {
	switch s.Phase(now) {
	case PhaseClosed:
		return Verdict{Decision: DecisionYes}
	case PhaseOpen:
		return Verdict{Decision: DecisionNo, Until: s.RestUntil, Reason: s.Reason}
	case PhaseHalfOpen:
		if now.Before(s.ProbeUntil) {
			return Verdict{Decision: DecisionNo, Until: s.ProbeUntil, Reason: s.Reason}
		}
		return Verdict{Decision: DecisionClaim}
	default:
		return Verdict{Decision: DecisionNo, Reason: s.Reason}
	}
}

// Claim takes the probe of a half-open subject: of all who claim, one gets true, and the others get false until its
// outcome is applied or [Policy.ClaimTTL] has passed. For a subject in use it is true and changes nothing; for one that
// rests or is disabled it is false. It counts only if it was done inside [Store.Update]:
//
//	var mine bool
//	_, err := store.Update(ctx, subject, func(s health.State) health.State {
//		s, mine = policy.Claim(s, time.Now())
//		return s
//	})
func (p Policy) Claim(s State, now time.Time) (State, bool) {
	now = instant(now)
	switch p.Allow(s, now).Decision {
	case DecisionYes:
		return s, true
	case DecisionClaim:
		ttl := p.ClaimTTL
		if ttl <= 0 {
			ttl = 2 * time.Minute
		}
		next := s
		next.ProbeFrom, next.ProbeUntil = now, now.Add(ttl)
		return stamp(s, next, now), true
	default:
		return s, false
	}
}
