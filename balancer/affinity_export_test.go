package balancer

import (
	"slices"
	"time"
)

// Ring is what its lower-case name says.
type Ring struct{ *ring }

// NewRing is newRing.
func NewRing(names []string, weights []int) Ring { return Ring{newRing(names, weights)} }

// First is whose hash it is.
func (r Ring) First(hash uint64) int {
	for i := range r.walk(hash) {
		return i
	}
	return -1
}

// Order is the first n of walk.
func (r Ring) Order(hash uint64, n int) []int {
	var order []int
	for i := range r.walk(hash) {
		if order = append(order, i); len(order) == n {
			break
		}
	}
	return order
}

// Skim walks over n members.
func (r Ring) Skim(hash uint64, n int) (sum int) {
	for i := range r.walk(hash) {
		if sum += i; n == 1 {
			break
		}
		n--
	}
	return sum
}

// Points is how many points the ring has, and how many of them are member i's.
func (r Ring) Points(i int) (all, own int) {
	for _, p := range r.points {
		if int(p&r.mask) == i {
			own++
		}
	}
	return len(r.points), own
}

// Sorted tells whether the points are.
func (r Ring) Sorted() bool { return slices.IsSorted(r.points) }

// HashSession is hashSession.
var HashSession = hashSession

// SessionOf is sessionOf.
var SessionOf = sessionOf

// ObjectKey is objectKey.
var ObjectKey = objectKey

// Sessions is the table of sessions, by the clock.
type Sessions struct{ *sessions }

// NewSessions is newSessions.
func NewSessions(most int, life time.Duration) Sessions { return Sessions{newSessions(most, life)} }

// The methods of sessions, now. What Get, Bind and Rebind stand for is over at once.
func (s Sessions) Get(tenant, session string) (string, bool) {
	account, _, ok := s.get(tenant, session, time.Now())
	if ok {
		s.Leave(tenant, session)
	}
	return account, ok
}

func (s Sessions) Bind(tenant, session, account string) (string, bool) {
	bound, fresh := s.Begin(tenant, session, account)
	s.Leave(tenant, session)
	return bound, fresh
}

func (s Sessions) Begin(tenant, session, account string) (string, bool) {
	return s.bind(tenant, session, account, time.Now())
}

func (s Sessions) Leave(tenant, session string) { s.leave(tenant, session, time.Now()) }

func (s Sessions) Rebind(tenant, session, from, to string) (string, bool) {
	bound, moved := s.rebind(tenant, session, from, to, time.Now())
	s.Leave(tenant, session)
	return bound, moved
}

func (s Sessions) Extend(tenant, session, seen, account string) bool {
	defer s.Leave(tenant, session)
	return s.extend(tenant, session, seen, account, time.Now())
}

func (s Sessions) Clear(tenant, session string) bool { return s.clear(tenant, session, time.Now()) }
func (s Sessions) ClearTenant(tenant string) int     { return s.clearTenant(tenant, time.Now()) }
func (s Sessions) ClearAll() int                     { return s.clearAll(time.Now()) }
func (s Sessions) List(most int) []Session           { return s.list(most, time.Now()) }
func (s Sessions) Len() int                          { return s.len(time.Now()) }

// Kept is how many sessions take memory, alive or not.
func (s Sessions) Kept() int {
	n := 0
	for i := range s.shards {
		n += s.shards[i].known.Len()
	}
	return n
}
