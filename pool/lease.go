package pool

import (
	"fmt"
	"io"
)

// Lease is the right to use an agent, until Release. Copies of a Lease count as
// one, and its methods may be called by several goroutines at once.
// The zero Lease holds nothing: Agent is nil, Release and MarkUnhealthy do nothing.
//
// It is a place in its agent's books rather than an object with a flag, which would
// cost each request an allocation.
type Lease struct {
	entry *entry
	place int
	turn  uint64
}

// Agent is what was acquired. It must not be used after Release.
func (l Lease) Agent() Agent {
	if l.entry == nil {
		return nil
	}
	return l.entry.agent
}

// Format prints what the agent reaches, for every verb, and never the route.
func (l Lease) Format(s fmt.State, _ rune) {
	if l.entry == nil {
		_, _ = io.WriteString(s, "no agent")
		return
	}
	_, _ = io.WriteString(s, l.entry.key.String())
}

// Release gives the agent back; calls after the first do nothing. A streamed
// answer is in use until its body has been closed: release then, not before. If
// the agent has left the pool and this was its last user, Release closes it.
func (l Lease) Release() {
	if l.entry != nil {
		l.entry.pool.release(l)
	}
}

// MarkUnhealthy takes the agent out of the pool: its present users finish, the
// next Acquire makes a new one. It does not release the lease, and may be called
// after Release and more than once. The error is kept for nobody; it is asked for
// so that a reader of the call sees why.
func (l Lease) MarkUnhealthy(_ error) {
	if l.entry != nil {
		l.entry.pool.retire(l.entry)
	}
}

// places are the leases of one agent. A place is taken by one lease after the
// other; the turn tells them apart, so that only the present one can vacate it.
// There are as many as there were leases out at the same time.
type places struct {
	turns []uint64
	free  []int
}

func (s *places) take() (place int, turn uint64) {
	if last := len(s.free) - 1; last >= 0 {
		place, s.free = s.free[last], s.free[:last]
		return place, s.turns[place]
	}
	s.turns = append(s.turns, 0)
	return len(s.turns) - 1, 0
}

// vacate reports whether the lease was out.
func (s *places) vacate(place int, turn uint64) bool {
	if s.turns[place] != turn {
		return false
	}
	s.turns[place]++
	s.free = append(s.free, place)
	return true
}
