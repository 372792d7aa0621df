package balancer

import "math/rand/v2"

// order is how a [Picker] goes through the accounts of a tier that are ready, known
// by their places in it. Its tier holds the lock. What is not ready is not in it, so
// no account is asked that cannot be used.
type order interface {
	add(i int)    // i is ready
	remove(i int) // i is not; it may be absent
	len() int     // how many are ready
	any() int     // one of these, by chance where that costs little; nobody's turn is taken

	// next returns a place that fits, or -1. It looks at few places where most
	// of them fit, and at each at most a few times. What is gone it removes.
	next(l looker) int
}

// looker looks at a place that an order proposes.
type looker interface{ look(i int) fitness }

// fitness is what is known of an account that an order proposes.
type fitness uint8

const (
	fits   fitness = iota // it can be taken
	unfit                 // not for this request
	absent                // for nobody: it is not ready any more
)

// tries is how many places are drawn before all are gone through.
const tries = 16

// weighted draws places at random, by weight, each in O(log n): a Fenwick tree over
// the weights of those that are ready.
type weighted struct {
	weights []int64
	ready   []bool
	sums    []int64 // sums[i] is that of the weights up to i whose range ends there; from 1
	total   int64
	n       int
	top     int // the largest power of two that is not above len(weights)
}

func newWeighted(weights []int64) *weighted {
	w := &weighted{weights: weights, ready: make([]bool, len(weights)), sums: make([]int64, len(weights)+1), top: 1}
	for w.top*2 <= len(weights) {
		w.top *= 2
	}
	return w
}

func (w *weighted) len() int { return w.n }

func (w *weighted) add(i int) {
	if !w.ready[i] {
		w.ready[i] = true
		w.n++
		w.change(i, w.weights[i])
	}
}

func (w *weighted) remove(i int) {
	if w.ready[i] {
		w.ready[i] = false
		w.n--
		w.change(i, -w.weights[i])
	}
}

func (w *weighted) change(i int, by int64) {
	w.total += by
	for i++; i < len(w.sums); i += i & -i {
		w.sums[i] += by
	}
}

// draw is a ready place; there is one.
func (w *weighted) draw() int {
	left := rand.Int64N(w.total) //nolint:gosec // spreading load needs no secrecy
	at := 0
	for step := w.top; step > 0; step /= 2 {
		if next := at + step; next < len(w.sums) && w.sums[next] <= left {
			at, left = next, left-w.sums[next]
		}
	}
	return at
}

func (w *weighted) any() int { return w.draw() }

func (w *weighted) next(l looker) int {
	for misses := 0; w.n > 0 && misses < tries; {
		i := w.draw()
		switch l.look(i) {
		case fits:
			return i
		case unfit:
			misses++
		case absent:
			w.remove(i)
		}
	}
	return w.scan(l)
}

// scan goes through all that are ready, from anywhere.
func (w *weighted) scan(l looker) int {
	if w.n == 0 {
		return -1
	}
	from := rand.IntN(len(w.ready)) //nolint:gosec // spreading load needs no secrecy
	for k := range w.ready {
		i := (from + k) % len(w.ready)
		if !w.ready[i] {
			continue
		}
		switch l.look(i) {
		case fits:
			return i
		case absent:
			w.remove(i)
		}
	}
	return -1
}
