package health

import (
	"time"
	"unicode/utf8"
)

// OutcomeKind is what an attempt says about a subject. For money that will be there again at a time that the provider
// named, OutcomeRest says more than OutcomeExhausted: the subject is then probed for as long as that takes, and never
// disabled.
type OutcomeKind uint8

// The kinds of outcome.
const (
	OutcomeUnknown   OutcomeKind = iota // nobody said: counts as OutcomeFailure
	OutcomeSuccess                      // it works. For a stream, say so at its first content: others wait for the probe
	OutcomeFailure                      // its fault: so many in a row and it rests
	OutcomeRest                         // it asked to be left alone until Outcome.Until: a rate limit
	OutcomeDisable                      // its credential was refused: when that is repeated, or said to be permanent, it is disabled
	OutcomeExhausted                    // its money is gone: as OutcomeDisable, with CauseExhausted
	OutcomeNeutral                      // says nothing about it (the caller's fault, a cancel): only gives the claim back
)

var outcomeNames = [...]string{"unknown", "success", "failure", "rest", "disable", "exhausted", "neutral"}

// String is the kind in one word.
func (k OutcomeKind) String() string { return enumName(outcomeNames[:], "outcome", uint8(k)) }

// Outcome is what happened to one attempt, as far as one subject is concerned. The zero Outcome is a failure that began
// just now.
type Outcome struct {
	Kind      OutcomeKind
	Until     time.Time // for OutcomeRest: the reset that the provider named; zero: none, the policy's default. For OutcomeDisable and OutcomeExhausted: the least that the rest lasts; zero: as after failures
	Reason    string    // for people; must not hold a secret. Beyond 256 bytes it is cut
	Started   time.Time // when the attempt began, on this machine's clock; zero: just now
	Permanent bool      // for OutcomeDisable and OutcomeExhausted: no repetition needed (leaked, revoked, deactivated)
	Free      bool      // for OutcomeSuccess: it cost nothing (a list of models, a count of tokens), so it does not show that there is money
	Seed      uint64    // flavours the jitter, see Subject.Seed; 0 is fine

	// Successes is how many of the subject's attempts succeeded, this one not among them, since an outcome last changed
	// its state here: a success of a healthy subject is not worth a write, so it is told with the next outcome that is.
	// For Policy.Ratio; below 0 is 0.
	Successes int
	// SuccessesSince is when the counting of Successes began. Those that are older than Policy.Window then do not
	// count, as if they had come evenly. Zero: all of them are recent.
	SuccessesSince time.Time
}

// maxReason bounds State.Reason, so that a state's size is bounded.
const maxReason = 256

// reason is the outcome's reason as states keep it.
func (o Outcome) reason() string { return cut(o.Reason) }

// because is why, and the outcome's reason if there is one, as states keep it.
func (o Outcome) because(why string) string {
	if o.Reason != "" {
		why += ", the last: " + o.Reason
	}
	return cut(why)
}

// cut is at most maxReason bytes of text, ending between two characters, and with … if that is not all of it.
func cut(text string) string {
	const more = "…"
	if len(text) <= maxReason {
		return text
	}
	end := maxReason - len(more)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}

// started is when the attempt began, in the form that states keep.
func (o Outcome) started(now time.Time) time.Time {
	if o.Started.IsZero() {
		return now
	}
	return instant(o.Started)
}
