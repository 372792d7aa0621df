package balancer

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// queue are the requests that wait for an account of a crowd, in the order in which
// they came. Whoever is called looks for one, and if none is right for it, calls the
// next.
type queue struct {
	waiting atomic.Int64

	mu   sync.Mutex
	line list.List // of chan struct{}, each with room for one: look again
}

// join takes a place at the end.
func (q *queue) join() *list.Element {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting.Add(1)
	e := q.line.PushBack(make(chan struct{}, 1))
	q.ring(q.line.Front()) // what is right for this one may be free already
	return e
}

// leave gives the place up, and lets the next look.
func (q *queue) leave(e *list.Element) {
	q.mu.Lock()
	defer q.mu.Unlock()
	next := e.Next()
	q.line.Remove(e)
	q.waiting.Add(-1)
	q.ring(next)
	q.ring(q.line.Front())
}

// pass calls the next after a place.
func (q *queue) pass(e *list.Element) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ring(e.Next())
}

// isFirst tells whether nobody came before.
func (q *queue) isFirst(e *list.Element) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.line.Front() == e
}

// call lets the first look again: an account may be ready.
func (q *queue) call() {
	if q.waiting.Load() == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ring(q.line.Front())
}

func (q *queue) ring(e *list.Element) {
	if e == nil {
		return
	}
	select {
	case e.Value.(chan struct{}) <- struct{}{}:
	default: // it has been called already
	}
}

// wait returns when the place is called, when the time has come, or when the context
// ends.
func (q *queue) wait(ctx context.Context, e *list.Element, d time.Duration) (called bool) {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-e.Value.(chan struct{}):
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}
