package balancer

import (
	"container/heap"
	"math"
	"math/rand/v2"
)

// turns takes places in turn, by weight, and as evenly spread as the weights allow:
// the turns of a place lie one part in its weight apart, the first in the middle of its
// first share.
type turns struct {
	weights []int64
	had     []int64   // the turns that a place has had
	at      []float64 // of the next turn
	where   []int     // in queue; -1: not ready
	queue   []int     // a heap by at, then by place
	now     float64   // of the last turn
}

func newTurns(weights []int64) *turns {
	t := &turns{weights: weights, had: make([]int64, len(weights)), at: make([]float64, len(weights)), where: make([]int, len(weights))}
	for i := range t.where {
		t.where[i] = -1
		t.turn(i, 0)
	}
	return t
}

// turn sets how many turns a place has had. Equal times are equal to the last bit, so
// that the same sequence comes again and again.
func (t *turns) turn(i int, had int64) {
	t.had[i], t.at[i] = had, (2*float64(had)+1)/(2*float64(t.weights[i]))
}

// skip lets a place have no more than so many turns to catch up with.
func (t *turns) skip(i int, most float64) {
	if least := int64(math.Ceil(t.now*float64(t.weights[i]) - 0.5 - most)); t.had[i] < least {
		t.turn(i, least)
	}
}

func (t *turns) len() int { return len(t.queue) }

func (t *turns) any() int { return t.queue[rand.IntN(len(t.queue))] } //nolint:gosec // spreading load needs no secrecy

// add lets a place join at the present time: it has no turns to catch up with.
func (t *turns) add(i int) {
	if t.where[i] < 0 {
		t.skip(i, 0)
		heap.Push((*turnQueue)(t), i)
	}
}

func (t *turns) remove(i int) {
	if t.where[i] >= 0 {
		heap.Remove((*turnQueue)(t), t.where[i])
	}
}

func (t *turns) next(l looker) int {
	found := -1
	var passed []int
	for found < 0 && len(t.queue) > 0 {
		i := heap.Pop((*turnQueue)(t)).(int)
		switch l.look(i) {
		case fits:
			found = i
		case unfit:
			passed = append(passed, i)
		}
	}
	if found >= 0 {
		t.now = t.at[found]
		t.turn(found, t.had[found]+1)
		heap.Push((*turnQueue)(t), found)
	}
	for _, i := range passed { // their turn is still to come, but not all that they have missed
		t.skip(i, 1)
		heap.Push((*turnQueue)(t), i)
	}
	return found
}

// turnQueue is turns as a heap.
type turnQueue turns

func (q *turnQueue) Len() int { return len(q.queue) }

func (q *turnQueue) Less(a, b int) bool {
	i, j := q.queue[a], q.queue[b]
	if q.at[i] != q.at[j] {
		return q.at[i] < q.at[j]
	}
	return i < j
}

func (q *turnQueue) Swap(a, b int) {
	q.queue[a], q.queue[b] = q.queue[b], q.queue[a]
	q.where[q.queue[a]], q.where[q.queue[b]] = a, b
}

func (q *turnQueue) Push(x any) {
	i := x.(int)
	q.where[i] = len(q.queue)
	q.queue = append(q.queue, i)
}

func (q *turnQueue) Pop() any {
	last := len(q.queue) - 1
	i := q.queue[last]
	q.queue, q.where[i] = q.queue[:last], -1
	return i
}
