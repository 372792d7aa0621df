package balancer

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// queue are the requests that wait for an account of a crowd, in the order in which
// they came. Only the first of them looks for one. Who finds that what is ready is not for
// him, since he has tried it or his model rests there, lets the next look too.
type queue struct {
	waiting atomic.Int64

	mu   sync.Mutex
	line list.List // of *waiter
}

// waiter is a place in the line.
type waiter struct {
	call    chan struct{} // look again; it has room for one
	arrived time.Time
	passed  bool // what it found ready was for others: the next may look too
}

// join takes the place of one who came at that time: for a newcomer the end, for one who
// waited in another line before those who came later.
func (q *queue) join(arrived time.Time) *list.Element {
	w := &waiter{call: make(chan struct{}, 1), arrived: arrived}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting.Add(1)
	for e := q.line.Back(); e != nil; e = e.Prev() {
		if !arrived.Before(e.Value.(*waiter).arrived) {
			return q.line.InsertAfter(w, e)
		}
	}
	return q.line.PushFront(w)
}

// leave gives the place up, and lets the next look.
func (q *queue) leave(e *list.Element) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.line.Remove(e)
	q.waiting.Add(-1)
	q.ring()
}

// mayLook tells whether nobody came before who would have to look first.
func (q *queue) mayLook(e *list.Element) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for first := q.line.Front(); first != nil && first != e; first = first.Next() {
		if !first.Value.(*waiter).passed {
			return false
		}
	}
	return true
}

// pass tells what a look in vain has found: whether some account is ready that is for
// others, so that the next may look too.
func (q *queue) pass(e *list.Element, others bool) {
	w := e.Value.(*waiter)
	q.mu.Lock()
	defer q.mu.Unlock()
	if others && !w.passed { // else they have been called as this one was
		callFrom(e.Next())
	}
	w.passed = others
}

// notify calls those who may look: an account may be ready.
func (q *queue) notify() {
	if q.waiting.Load() == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ring()
}

// ring calls those who may look. The queue is locked.
func (q *queue) ring() { callFrom(q.line.Front()) }

// callFrom calls those who may look of a place and those behind it.
func callFrom(e *list.Element) {
	for ; e != nil; e = e.Next() {
		w := e.Value.(*waiter)
		w.ring()
		if !w.passed {
			return
		}
	}
}

func (w *waiter) ring() {
	select {
	case w.call <- struct{}{}:
	default: // it has been called already
	}
}

// wait returns when it is worth to look again, when the time has come, when the accounts
// are replaced, or when the context ends.
func (q *queue) wait(ctx context.Context, e *list.Element, d time.Duration, replaced <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-e.Value.(*waiter).call:
	case <-timer.C:
	case <-replaced:
	case <-ctx.Done():
	}
}
