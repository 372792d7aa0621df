package balancer

import (
	"iter"
	"math"
	"math/bits"
	"slices"
)

// A ring is a weighted consistent-hash ring over named members. Each member stands
// on it at points that follow from its name alone, as many as its weight asks for,
// and a hash belongs to the member of the next point. So every process with the same
// members gives a hash to the same one, and a member that comes or goes moves little
// but its own share: with up to 45 members, or more than 289, nothing else; between
// these, where the members thin out as they become more, about as much again.
//
// Shares follow the weights up to the luck of the draw: the standard deviation of a
// member's share is 6 % of it with up to 45 members of one weight and 16 % with more
// than 289, and more for one whose weight is far below the mean. A ring does not
// change and may be used by any number of goroutines.
type ring struct {
	points  []uint64 // sorted; a place on the ring, and in its lowest bits whose it is
	mask    uint64   // of these bits
	members int
}

const (
	mostPoints  = 256 // of a member of mean weight, where there are few
	leastPoints = 40  // of such a one, where there are many
	ringPoints  = 16384
)

// newRing builds the ring of members by their distinct names and their weights, of
// which there are as many; a weight below 1 counts as 1. It has at most 16,384
// points, or 57 a member where that is more.
func newRing(names []string, weights []int) *ring {
	r := &ring{members: len(names)}
	if len(names) == 0 {
		return r
	}
	width := bits.Len(uint(len(names) - 1))
	r.mask = 1<<width - 1
	counts, total := pointCounts(weights)
	r.points = make([]uint64, 0, total)
	for i, name := range names {
		seed := mix(hashText(fnvOffset, name))
		for range counts[i] {
			seed += goldenGamma
			r.points = append(r.points, mix(seed)&^r.mask|uint64(i))
		}
	}
	slices.Sort(r.points)
	return r
}

// pointCounts is how many points each member has. The weights are measured by the
// power of two nearest to their mean, so that a new member seldom changes what the
// weight of another is worth.
func pointCounts(weights []int) (counts []int, total int) {
	var sum float64
	for _, w := range weights {
		sum += float64(max(w, 1))
	}
	n := float64(len(weights))
	unit := math.Exp2(math.Round(math.Log2(sum / n)))
	each := max(leastPoints, min(mostPoints, ringPoints/(n*math.Sqrt2)))
	counts = make([]int, len(weights))
	for i, w := range weights {
		counts[i] = max(1, int(each*float64(max(w, 1))/unit))
		total += counts[i]
	}
	return counts, total
}

// walk yields each member's index once, in the order in which they come on the ring
// from hash on: the first is whose hash it is, the next is who would have it if that
// one were not there, and so on. The first few cost O(log n) and no memory.
func (r *ring) walk(hash uint64) iter.Seq[int] {
	return func(yield func(int) bool) {
		var seen few
		at, _ := slices.BinarySearch(r.points, hash)
		for range r.points {
			if at == len(r.points) {
				at = 0
			}
			i := int(r.points[at] & r.mask) //nolint:gosec // an index
			at++
			if !seen.add(i, r.members) {
				continue
			}
			if !yield(i) || seen.n == r.members {
				return
			}
		}
	}
}

// few is a set of indexes that takes no memory of its own while it is small.
type few struct {
	n     int
	first [8]int
	rest  []uint64 // a bit for each index; nil while first is enough
}

// add puts an index below bound into the set. It tells whether it was not there.
func (f *few) add(i, bound int) bool {
	switch {
	case f.rest == nil && slices.Contains(f.first[:f.n], i):
		return false
	case f.n < len(f.first):
		f.first[f.n] = i
		f.n++
		return true
	case f.rest == nil:
		f.rest = make([]uint64, (bound+63)/64)
		for _, old := range f.first {
			f.rest[old/64] |= 1 << (old % 64)
		}
	}
	word, bit := &f.rest[i/64], uint64(1)<<(i%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	f.n++
	return true
}

const (
	fnvOffset   = 14695981039346656037 // FNV-1a, 64 bits
	fnvPrime    = 1099511628211
	goldenGamma = 0x9e3779b97f4a7c15 // SplitMix64
)

// hashText goes on with an FNV-1a hash over a text.
func hashText(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * fnvPrime
	}
	return h
}

// mix spreads the bits of a hash over all of it: SplitMix64's last step.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// hashSession is where a tenant's session falls on a ring, the same in every process
// and every version. What is the tenant's and what the session's is told apart
// whatever bytes they consist of.
func hashSession(tenant, session string) uint64 {
	h := hashText(fnvOffset, tenant)
	return mix(hashText(mix(h^uint64(len(tenant))), session))
}
