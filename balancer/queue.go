package balancer

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// queue are the requests that wait for an account of a crowd, in the order in which
// they came. Only the first of them looks for one.
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
	return q.line.PushBack(make(chan struct{}, 1))
}

// leave gives the place up, and lets the next look.
func (q *queue) leave(e *list.Element) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.line.Remove(e)
	q.waiting.Add(-1)
	q.ring()
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
	q.ring()
}

func (q *queue) ring() {
	if first := q.line.Front(); first != nil {
		select {
		case first.Value.(chan struct{}) <- struct{}{}:
		default: // it has been called already
		}
	}
}

// wait returns when it is worth to look again, when the time has come, or when the
// context ends.
func (q *queue) wait(ctx context.Context, e *list.Element, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-e.Value.(chan struct{}):
	case <-timer.C:
	case <-ctx.Done():
	}
}
