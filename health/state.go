package health

import "time"

// State is what is known about one subject. The zero State is healthy. It is a value: copy it, compare it with ==, keep
// it as bytes ([State.MarshalBinary]). Only a [Policy] changes it; its times are UTC, without a monotonic reading.
type State struct {
	Failures     int       // failures in a row that counted, also across rests; a success sets it to 0
	AuthFailures int       // refusals in a row, of the credential or for want of money; a success sets it to 0
	Rests        int       // rests in a row that a success did not end, each twice as long as the last; a success sets it to 0
	Cause        Cause     // why it rests or is disabled, or rested last
	RestUntil    time.Time // end of the rest; zero or past: no rest is running
	ProbeDue     bool      // when the rest is over, one attempt must succeed before the others may go
	ProbeFrom    time.Time // when the probe was claimed; zero: nobody holds the claim
	ProbeUntil   time.Time // when that claim lapses, so that a claimant who died blocks nobody for ever
	Disabled     bool      // out of use until Policy.Enable, or a check that Policy.Checked takes for proof
	Reason       string    // of the last outcome that counted against it, at most 256 bytes, the last … where it was cut
	Since        time.Time // when the last rest, recovery, disabling or enabling was; zero: never
	LastFailure  time.Time // when an outcome last counted against it; zero: never, or not remembered
	LastCheck    time.Time // when Policy.ClaimCheck last gave an active check away; zero: never, or not remembered
	Recovered    time.Time // when it last came back into use through a success or Policy.Enable: where slow start begins; zero: never, or not remembered
	Window       Window    // what lately became of its attempts

	// Version orders the states of one subject: each change has a higher one. It is the time in nanoseconds where that
	// is higher than a step of one, so the order also holds when a store dropped a healthy state in between. The zero
	// State has 0.
	Version uint64
}

// Cause is why a subject rests or is disabled.
type Cause uint8

// The causes. Their numbers are part of what stores keep and do not change.
const (
	CauseUnknown   Cause = iota // it has not rested
	CauseFailure                // failures in a row, too many failures, or a failed probe: a success ends the rest
	CauseLimit                  // it is to be left alone until a time, for a rate limit or, of a model, because it is not there: only the clock ends the rest
	CauseRefused                // its credential was refused: a success ends the rest
	CauseExhausted              // its money is gone: a success that was not free ends the rest
	CausePerson                 // a person disabled it: only Policy.Enable ends that
)

var causeNames = [...]string{"unknown", "failure", "limit", "refused", "exhausted", "person"}

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
	PhaseDisabled       // out of use until Policy.Enable or a check that succeeded
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
// began in the very instant of a rest or a disabling is older; one in the instant of a recovery is not.
func (s State) late(started time.Time) bool {
	switch {
	case !s.ProbeFrom.IsZero():
		return started.Before(s.ProbeFrom)
	case s.RestUntil.IsZero() && !s.Disabled:
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

// recovered is the state of a subject that came back into use: no rest, no counts, not disabled.
func (s State) recovered(now time.Time) State {
	return State{Since: now, Recovered: now, LastFailure: s.LastFailure, LastCheck: s.LastCheck, Version: s.Version}
}

// disabled is the state of a subject that is out of use until somebody enables it.
func (s State) disabled(cause Cause, reason string, now time.Time) State {
	s = s.released()
	s.Disabled, s.Cause, s.Reason, s.Since = true, cause, reason, now
	s.RestUntil, s.ProbeDue, s.Rests, s.Window = time.Time{}, false, 0, Window{}
	return s
}

// instant is t in the form that states keep: equal instants are equal values.
func instant(t time.Time) time.Time { return t.UTC().Round(0) }
