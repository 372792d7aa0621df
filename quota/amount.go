package quota

import "math"

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
		return plus(a.InputTokens, a.OutputTokens)
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

// plus is a+b. A sum too large is the largest number, and stands for "too much"; one too small is the smallest but one,
// whose negative there is.
func plus(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < -math.MaxInt64-b:
		return -math.MaxInt64
	default:
		return a + b
	}
}

// minus is a-b for a b that is not negative. Too much stays too much, since nobody knows by how much it was.
func minus(a, b int64) int64 {
	if a == math.MaxInt64 {
		return a
	}
	return plus(a, -b)
}

// left is how much of a limit is left: below 0 in debt, above Max after a grant.
func left(limit, used int64) int64 { return plus(limit, -used) }
