package health

import "time"

// State is what is known about one subject. The zero State is healthy. It is a value: copy it, compare it with ==, keep
// it as bytes ([State.MarshalBinary]). Only a [Policy] changes it; its times are UTC, without a monotonic reading.
type State struct {
	Failures     int       // failures in a row that counted; a success sets it to 0
	AuthFailures int       // refused credentials in a row; a success sets it to 0
	Rests        int       // rests for failures in a row, each twice as long as the last; a success sets it to 0
	Cause        Cause     // why it rests, or rested last
	RestUntil    time.Time // end of the rest; zero or past: no rest is running
	ProbeDue     bool      // when the rest is over, one attempt must succeed before the others may go
	ProbeFrom    time.Time // when the probe was claimed; zero: nobody holds the claim
	ProbeUntil   time.Time // when that claim lapses, so that a claimant who died blocks nobody for ever
	Disabled     bool      // out of use until Policy.Enable
	Reason       string    // of the last outcome that counted against it, at most 256 bytes
	Since        time.Time // when the last rest, recovery, disabling or enabling was; zero: never
	LastFailure  time.Time // when an outcome last counted against it; zero: never, or not remembered

	// Version orders the states of one subject: each change has a higher one. It is the time in nanoseconds where that
	// is higher than a step of one, so the order also holds when a store dropped a healthy state in between. The zero
	// State has 0.
	Version uint64
}

// Cause is why a subject rests.
type Cause uint8

// The causes of a rest. Their numbers are part of what stores keep and do not change.
const (
	CauseUnknown Cause = iota // it has not rested
	CauseFailure              // failures in a row, a failed probe, or a refused credential: a success ends the rest
	CauseLimit                // a rate limit: only the clock ends the rest
)

var causeNames = [...]string{"unknown", "failure", "limit"}

// String is the cause in one word.
func (c Cause) String() string { return enumName(causeNames[:], "cause", uint8(c)) }

// Phase is where a subject stands in the picture of the package's description.
type Phase uint8

// The phases. State.Phase never returns PhaseUnknown.
const (
	PhaseUnknown  Phase = iota
	PhaseClosed         // in use
	PhaseOpen           // resting until State.RestUntil
	PhaseHalfOpen       // the rest is over; one attempt at a time may try
	PhaseDisabled       // out of use until Policy.Enable
)

var phaseNames = [...]string{"unknown", "closed", "open", "half-open", "disabled"}

// String is the phase in one word.
func (p Phase) String() string { return enumName(phaseNames[:], "phase", uint8(p)) }

// Phase is where the subject stands at the time now. Rests end by this comparison alone; nothing has to be written.
func (s State) Phase(now time.Time) Phase {
	switch {
	case s.Disabled:
		return PhaseDisabled
	case now.Before(s.RestUntil):
		return PhaseOpen
	case s.ProbeDue:
		return PhaseHalfOpen
	default:
		return PhaseClosed
	}
}

// late reports whether an attempt that began at started is older than what the state speaks of: than the claim, if
// somebody holds one; otherwise than the last rest or recovery. What became of it is then no news. An attempt that
// began in the very instant of a rest is older than the rest; one in the instant of a recovery is not.
func (s State) late(started time.Time) bool {
	switch {
	case !s.ProbeFrom.IsZero():
		return started.Before(s.ProbeFrom)
	case s.RestUntil.IsZero():
		return started.Before(s.Since)
	default:
		return !started.After(s.Since)
	}
}

// released is the state with nobody holding the claim.
func (s State) released() State {
	s.ProbeFrom, s.ProbeUntil = time.Time{}, time.Time{}
	return s
}

// instant is t in the form that states keep: equal instants are equal values.
func instant(t time.Time) time.Time { return t.UTC().Round(0) }
