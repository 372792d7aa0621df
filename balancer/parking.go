package balancer

import (
	"container/heap"
	"math"
	"time"
)

// parking keeps the places of a tier that are not ready, by when they may be: a heap
// from which any place can be taken. The tier holds the lock.
type parking struct {
	until []int64 // in nanoseconds since 1970; noEnd: somebody has to wake it
	where []int32 // in queue; -1: not parked here
	queue []int32

	endless int // places in queue whose until is noEnd
}

// noEnd is when a place is ready that waits for somebody, not for the clock.
const noEnd = math.MaxInt64

func newParking(n int) *parking {
	p := &parking{until: make([]int64, n), where: make([]int32, n)}
	for i := range p.where {
		p.where[i] = -1
	}
	return p
}

// put parks a place, or moves its end.
func (p *parking) put(i int, until int64) {
	p.take(i)
	p.until[i] = until
	if until == noEnd {
		p.endless++
	}
	heap.Push(p, int32(i)) //nolint:gosec // a place in a slice of accounts
}

// take takes a place out, and tells whether it was in.
func (p *parking) take(i int) bool {
	if p.where[i] < 0 {
		return false
	}
	heap.Remove(p, int(p.where[i]))
	if p.until[i] == noEnd {
		p.endless--
	}
	return true
}

// soonest is when the first place may be ready; noEnd: none will by itself.
func (p *parking) soonest() int64 {
	if len(p.queue) == 0 {
		return noEnd
	}
	return p.until[p.queue[0]]
}

// due takes out a place whose time has come, or returns -1.
func (p *parking) due(now int64) int {
	if p.soonest() > now {
		return -1
	}
	return int(heap.Pop(p).(int32))
}

// Len implements [heap.Interface], as do the others.
func (p *parking) Len() int { return len(p.queue) }

// Less orders by time.
func (p *parking) Less(a, b int) bool { return p.until[p.queue[a]] < p.until[p.queue[b]] }

// Swap exchanges two.
func (p *parking) Swap(a, b int) {
	p.queue[a], p.queue[b] = p.queue[b], p.queue[a]
	p.where[p.queue[a]], p.where[p.queue[b]] = int32(a), int32(b) //nolint:gosec // places in a slice
}

// Push adds a place.
func (p *parking) Push(x any) {
	i := x.(int32)
	p.where[i] = int32(len(p.queue)) //nolint:gosec // a place in a slice
	p.queue = append(p.queue, i)
}

// Pop takes the last out.
func (p *parking) Pop() any {
	last := len(p.queue) - 1
	i := p.queue[last]
	p.queue, p.where[i] = p.queue[:last], -1
	return i
}

// nanos is a time as parking has it; the zero time is noEnd.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return noEnd
	}
	return t.UnixNano()
}

// moment is nanos the other way; noEnd is the zero time.
func moment(n int64) time.Time {
	if n == noEnd {
		return time.Time{}
	}
	return time.Unix(0, n)
}
