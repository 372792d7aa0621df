package health

import (
	"time"
	"unicode/utf8"
)

// OutcomeKind is what an attempt says about a subject.
type OutcomeKind uint8

// The kinds of outcome.
const (
	OutcomeUnknown OutcomeKind = iota // nobody said: counts as OutcomeFailure
	OutcomeSuccess                    // it works. For a stream, say so at its first content: others wait for the probe
	OutcomeFailure                    // its fault: so many in a row and it rests
	OutcomeRest                       // it asked to be left alone until Outcome.Until: a rate limit
	OutcomeDisable                    // its credential was refused or its money is gone: when that is repeated, or said to be permanent, it is disabled
	OutcomeNeutral                    // says nothing about it (the caller's fault, a cancel): only gives the claim back
)

var outcomeNames = [...]string{"unknown", "success", "failure", "rest", "disable", "neutral"}

// String is the kind in one word.
func (k OutcomeKind) String() string { return enumName(outcomeNames[:], "outcome", uint8(k)) }

// Outcome is what happened to one attempt, as far as one subject is concerned. The zero Outcome is a failure that began
// just now.
type Outcome struct {
	Kind      OutcomeKind
	Until     time.Time // for OutcomeRest: the reset that the provider named; zero: none, the policy's default
	Reason    string    // for people; must not hold a secret. Beyond 256 bytes it is cut
	Started   time.Time // when the attempt began, on this machine's clock; zero: just now
	Permanent bool      // for OutcomeDisable: no repetition needed (leaked, revoked, deactivated)
	Seed      uint64    // flavours the jitter, see Subject.Seed; 0 is fine
}

// maxReason bounds State.Reason, so that a state's size is bounded.
const maxReason = 256

// reason is o.Reason, cut to maxReason bytes between two characters.
func (o Outcome) reason() string {
	if len(o.Reason) <= maxReason {
		return o.Reason
	}
	end := maxReason
	for end > 0 && !utf8.RuneStart(o.Reason[end]) {
		end--
	}
	return o.Reason[:end]
}

// started is when the attempt began, in the form that states keep.
func (o Outcome) started(now time.Time) time.Time {
	if o.Started.IsZero() {
		return now
	}
	return instant(o.Started)
}
