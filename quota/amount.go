package quota

import "github.com/aitransport/aitransport/quota/internal/tally"

// Amount is what a call uses: an estimate when it is reserved, the truth when it is settled. The zero Amount is nothing.
// What is in flight is not said: each reservation is one while it lives.
type Amount struct {
	Requests     int64
	InputTokens  int64
	OutputTokens int64
	Cost         int64 // nano-USD
}

// Of is how much of the unit the amount holds: for Tokens input and output together, for InFlight 1, whatever the
// amount. A sum too large for an int64 is the largest int64.
func (a Amount) Of(u Unit) int64 {
	switch u {
	case Requests:
		return a.Requests
	case InputTokens:
		return a.InputTokens
	case OutputTokens:
		return a.OutputTokens
	case Tokens:
		return tally.Plus(a.InputTokens, a.OutputTokens)
	case Cost:
		return a.Cost
	case InFlight:
		return 1
	default:
		return 0
	}
}

// Validate returns an error where anything is negative.
func (a Amount) Validate() error {
	if a.Requests < 0 || a.InputTokens < 0 || a.OutputTokens < 0 || a.Cost < 0 {
		return invalid("quota: amount %+v: write nothing below 0; what was reserved is given back by settling less", a)
	}
	return nil
}

// left is how much of a limit is left: below 0 in debt, above Max after a grant.
func left(limit, used int64) int64 { return tally.Plus(limit, -used) }
