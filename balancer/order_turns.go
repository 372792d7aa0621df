package balancer

import (
	"container/heap"
	"math/rand/v2"
)

// turns takes places in turn, by weight, and as evenly spread as the weights allow:
// each place has the time of its next turn, which moves on by one part in its weight.
type turns struct {
	weights []int64
	at      []float64 // of the next turn
	where   []int     // in queue; -1: not ready
	queue   []int     // a heap by at, then by place
	now     float64   // of the last turn
}

func newTurns(weights []int64) *turns {
	t := &turns{weights: weights, at: make([]float64, len(weights)), where: make([]int, len(weights))}
	for i := range t.where {
		t.where[i] = -1
		t.at[i] = 1 / (2 * float64(weights[i])) // the middle of its first share
	}
	return t
}

func (t *turns) len() int { return len(t.queue) }

func (t *turns) any() int { return t.queue[rand.IntN(len(t.queue))] } //nolint:gosec // spreading load needs no secrecy

// add lets a place join at the present time: it has no turns to catch up with.
func (t *turns) add(i int) {
	if t.where[i] < 0 {
		t.at[i] = max(t.at[i], t.now)
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
	for _, i := range passed { // their turn is still to come
		heap.Push((*turnQueue)(t), i)
	}
	if found >= 0 {
		t.now = t.at[found]
		t.at[found] += 1 / float64(t.weights[found])
		heap.Push((*turnQueue)(t), found)
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
