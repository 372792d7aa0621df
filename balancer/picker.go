package balancer

import (
	"context"
	"math/rand/v2"
	"time"
)

// Picker chooses one of the accounts that can serve a request: the index of a
// candidate. An index out of range means none. It may be called concurrently.
type Picker interface {
	Pick(ctx context.Context, r *Request, from Candidates) int
}

// PickerFunc is a function as a [Picker].
type PickerFunc func(ctx context.Context, r *Request, from Candidates) int

// Pick calls the function.
func (f PickerFunc) Pick(ctx context.Context, r *Request, from Candidates) int {
	return f(ctx, r, from)
}

// Candidates are the accounts to choose from: all of one priority, at least one.
// They are valid during the call of Pick only.
type Candidates interface {
	Len() int
	At(i int) Candidate
}

// Candidate is what a Picker may know of an account.
type Candidate struct {
	Name      string
	Weight    int           // at least 1
	InFlight  int           // requests of this process that it serves now
	FirstByte time.Duration // time to the first byte of its answers, moving average; 0: not known yet
}

// LeastLoaded takes two candidates at random, by weight, and picks the one that
// would be done sooner: fewer requests in flight for its weight and, where both have
// answered before, faster to answer. Two draws keep everybody from running to the
// same one. It is the default.
type LeastLoaded struct{}

// Pick implements [Picker].
func (LeastLoaded) Pick(_ context.Context, _ *Request, from Candidates) int {
	if from.Len() == 1 {
		return 0
	}
	total := 0
	for i := range from.Len() {
		total += from.At(i).Weight
	}
	first := draw(from, rand.IntN(total)) //nolint:gosec // spreading load needs no secrecy
	rest := total - from.At(first).Weight
	second := drawOther(from, rand.IntN(rest), first) //nolint:gosec // spreading load needs no secrecy
	if lighter(from.At(second), from.At(first)) {
		return second
	}
	return first
}

// lighter tells whether a would be done sooner than b.
func lighter(a, b Candidate) bool {
	loadA, loadB := float64(a.InFlight+1)/float64(a.Weight), float64(b.InFlight+1)/float64(b.Weight)
	if a.FirstByte > 0 && b.FirstByte > 0 {
		loadA *= float64(max(a.FirstByte, minFirstByte))
		loadB *= float64(max(b.FirstByte, minFirstByte))
	}
	return loadA < loadB
}

// draw is the candidate in whose share of the weights n falls.
func draw(from Candidates, n int) int {
	return drawOther(from, n, -1)
}

// drawOther is draw with one candidate left out.
func drawOther(from Candidates, n, except int) int {
	last := 0
	for i := range from.Len() {
		if i == except {
			continue
		}
		last = i
		if n -= from.At(i).Weight; n < 0 {
			break
		}
	}
	return last
}

// minFirstByte keeps an account that answers from a cache from looking infinitely
// fast.
const minFirstByte = time.Millisecond
