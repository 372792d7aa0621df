package balancer

import (
	"context"
	"math/rand/v2"
	"time"
)

// Picker chooses one of the accounts that can serve a request: the index of a
// candidate. An index out of range means none. It may be called concurrently, and
// more than once for an attempt.
//
// For [LeastLoaded], [RoundRobin], [InOrder], [Random] and [Cheapest] the balancer
// keeps its accounts in an order that finds the next one at once; their Pick is for
// Pickers of one's own that build on them, and looks at each candidate. One's own
// sees the accounts that are ready without a copy being made, unless one that it
// picks turns out not to fit the request.
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
// They are valid during the call of Pick only. While it runs, accounts may begin or
// cease to be ready: an index that At was asked about keeps its meaning.
type Candidates interface {
	Len() int
	At(i int) Candidate
}

// Candidate is what a Picker may know of an account.
type Candidate struct {
	Name      string
	Weight    int           // at least 1
	InFlight  int           // requests of this process that it serves now
	Served    int64         // requests of this process that it was given, those in flight included
	FirstByte time.Duration // time to the first byte of its answers, see AccountSnapshot; 0: not known yet

	// Price is what a million tokens cost the account, three of input to one of
	// output, in nano-USD; below 0: not known.
	Price int64
}

// LeastLoaded draws two accounts by weight and takes the one that would be done
// sooner: fewer requests in flight for its weight, or clearly faster to answer. Two
// draws keep everybody from running to the same one. It is the default.
type LeastLoaded struct{}

// Pick implements [Picker].
func (LeastLoaded) Pick(_ context.Context, _ *Request, from Candidates) int {
	first, second := draw(from), draw(from)
	if lighter(from.At(second), from.At(first)) {
		return second
	}
	return first
}

// Random draws an account by weight.
type Random struct{}

// Pick implements [Picker].
func (Random) Pick(_ context.Context, _ *Request, from Candidates) int { return draw(from) }

// RoundRobin takes the accounts in turn, each as often as its weight says and as
// evenly spread as the weights allow.
type RoundRobin struct{}

// Pick implements [Picker]: it takes the one that was given the fewest requests for
// its weight.
func (RoundRobin) Pick(_ context.Context, _ *Request, from Candidates) int {
	return least(from, func(c Candidate) float64 { return float64(c.Served) / float64(c.Weight) })
}

// InOrder takes the first account of the configuration that is ready, and the others
// only when those before them are not.
type InOrder struct{}

// Pick implements [Picker]: Candidates stand in no order of their own, so it takes
// the first by name.
func (InOrder) Pick(_ context.Context, _ *Request, from Candidates) int {
	found := 0
	for i := range from.Len() {
		if from.At(i).Name < from.At(found).Name {
			found = i
		}
	}
	return found
}

// Cheapest takes the accounts for which the model costs least, by Config.Prices and
// Account.PriceFactor: three tokens of input to one of output. Of those that cost the
// same it takes the least loaded; those whose price is not known come last.
type Cheapest struct{}

// Pick implements [Picker].
func (Cheapest) Pick(_ context.Context, _ *Request, from Candidates) int {
	return least(from, func(c Candidate) float64 {
		if c.Price < 0 {
			return float64(noEnd)
		}
		return float64(c.Price)
	})
}

// least is the candidate of which f is least, the first of several.
func least(from Candidates, f func(Candidate) float64) int {
	found, value := 0, f(from.At(0))
	for i := 1; i < from.Len(); i++ {
		if v := f(from.At(i)); v < value {
			found, value = i, v
		}
	}
	return found
}

// draw is a candidate, drawn by weight.
func draw(from Candidates) int {
	total := 0
	for i := range from.Len() {
		total += from.At(i).Weight
	}
	left := rand.IntN(total) //nolint:gosec // spreading load needs no secrecy
	for i := range from.Len() {
		if left -= from.At(i).Weight; left < 0 {
			return i
		}
	}
	return from.Len() - 1
}

// lighter tells whether a would be done sooner than b, which was drawn first. One that
// is clearly slower to answer counts as that much busier.
//
// Between accounts of different weights it takes more to leave the one that was drawn,
// or their shares would not be those of their weights while there is little to do: the
// load of a light one varies more, and of a heavy one more slow answers are seen.
func lighter(a, b Candidate) bool {
	more, clearly := 1, 1.5
	if a.Weight != b.Weight {
		more, clearly = 2, 4
	}
	loadA, loadB := a.load(), b.load()
	slowA, slowB := float64(max(a.FirstByte, minFirstByte)), float64(max(b.FirstByte, minFirstByte))
	if a.FirstByte == 0 || b.FirstByte == 0 || max(slowA, slowB) < clearly*min(slowA, slowB) {
		return loadA+more <= loadB
	}
	return float64(loadA+1)*slowA < float64(loadB+1)*slowB
}

// load is what an account has to do for one part of its weight: the requests in
// flight are spread over as many parts as it has weight, and one of them is drawn.
func (c *Candidate) load() int {
	load, rest := c.InFlight/c.Weight, c.InFlight%c.Weight
	if rest > 0 && rand.IntN(c.Weight) < rest { //nolint:gosec // spreading load needs no secrecy
		load++
	}
	return load
}

// minFirstByte keeps an account that answers from a cache from looking infinitely
// fast.
const minFirstByte = time.Millisecond
