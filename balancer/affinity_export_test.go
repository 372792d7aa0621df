package balancer

import (
	"slices"
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
