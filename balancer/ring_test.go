package balancer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
)

// names are n names of accounts.
func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("account-%d", i)
	}
	return out
}

// keys are where n sessions fall.
func keys(n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = balancer.HashSession("tenant", fmt.Sprintf("session-%d", i))
	}
	return out
}

// even is n times the same weight.
func even(n, weight int) []int { return slices.Repeat([]int{weight}, n) }

// shares are how many of the keys each member has.
func shares(r balancer.Ring, n int, keys []uint64) []float64 {
	out := make([]float64, n)
	for _, k := range keys {
		out[r.First(k)] += 1 / float64(len(keys))
	}
	return out
}

// What a process says today, every process says at all times: the numbers were
// written down when this was made.
func TestRingIsTheSameEverywhere(t *testing.T) {
	assert.Equal(t, uint64(0x8932c885a3fe960e), balancer.HashSession("", ""))
	assert.Equal(t, uint64(0x6293822715d85660), balancer.HashSession("tenant", "session"))
	r := balancer.NewRing(names(10), []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	assert.Equal(t, []int{5, 9, 7, 0, 8, 6, 4, 3, 2, 1}, r.Order(balancer.HashSession("tenant", "session"), 10))
}

// The order of the accounts in the configuration plays no part.
func TestRingGoesByNames(t *testing.T) {
	ns, ws := names(20), make([]int, 20)
	for i := range ws {
		ws[i] = i%3 + 1
	}
	a := balancer.NewRing(ns, ws)
	order := rand.Perm(20)
	ns2, ws2 := make([]string, 20), make([]int, 20)
	for i, o := range order {
		ns2[i], ws2[i] = ns[o], ws[o]
	}
	b := balancer.NewRing(ns2, ws2)
	for _, k := range keys(1000) {
		for i, m := range b.Order(k, 20) {
			require.Equal(t, ns[a.Order(k, 20)[i]], ns2[m])
		}
	}
}

func TestRingWalksOverEachMemberOnce(t *testing.T) {
	for _, n := range []int{1, 2, 7, 8, 9, 10, 63, 64, 65, 300} {
		r := balancer.NewRing(names(n), even(n, 1))
		require.True(t, r.Sorted())
		for _, k := range append(keys(20), 0, math.MaxUint64) {
			order := r.Order(k, -1)
			require.Len(t, order, n)
			slices.Sort(order)
			require.Len(t, slices.Compact(order), n)
			require.Equal(t, n-1, order[n-1])
		}
	}
	assert.Empty(t, balancer.NewRing(nil, nil).Order(7, -1), "nobody is there")
}

func TestRingSharesByWeight(t *testing.T) {
	ks := keys(100_000)
	for _, c := range []struct {
		name    string
		weights []int
		within  float64 // of what the weight asks for
	}{
		{"one weight", even(10, 1), 0.2},
		{"one large weight", even(10, 1000), 0.2},
		{"no weight counts as 1", append(even(5, 0), even(5, -3)...), 0.2},
		{"1 to 10", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.25},
		{"one above all", []int{20, 1, 1, 1}, 0.5},
		{"a hundred", even(100, 3), 0.35},
	} {
		t.Run(c.name, func(t *testing.T) {
			sum := 0
			for _, w := range c.weights {
				sum += max(w, 1)
			}
			r := balancer.NewRing(names(len(c.weights)), c.weights)
			for i, got := range shares(r, len(c.weights), ks) {
				want := float64(max(c.weights[i], 1)) / float64(sum)
				assert.InEpsilon(t, want, got, c.within, "%d", i)
			}
		})
	}
}

// Who comes takes its share from all; who stays keeps what it has.
func TestRingMovesLittle(t *testing.T) {
	ks := keys(50_000)
	for _, c := range []struct {
		members int
		weight  int // of each; the last has it too
		atMost  float64
	}{
		{2, 1, 1.25}, {10, 1, 1.25}, {44, 1, 1.35}, {10, 100, 1.25}, {100, 1, 2.7}, {400, 1, 1.5},
	} {
		t.Run(fmt.Sprintf("%d of weight %d", c.members, c.weight), func(t *testing.T) {
			before := balancer.NewRing(names(c.members), even(c.members, c.weight))
			after := balancer.NewRing(names(c.members+1), even(c.members+1, c.weight))
			moved, astray := 0, 0
			for _, k := range ks {
				was, is := before.First(k), after.First(k)
				if was == is {
					continue
				}
				if moved++; is != c.members {
					astray++
				}
			}
			own := float64(len(ks)) / float64(c.members+1)
			assert.Less(t, float64(moved), c.atMost*own)
			assert.Positive(t, moved)
			if c.members < 45 || c.members > 289 {
				assert.Zero(t, astray, "what moves goes to the new one")
			}
		})
	}
}

// The sessions of one that is gone go to many, not all to its neighbour.
func TestRingSpreadsWhatOneLeaves(t *testing.T) {
	const n = 10
	r := balancer.NewRing(names(n), even(n, 1))
	heirs := make([]int, n)
	total := 0
	for _, k := range keys(50_000) {
		if order := r.Order(k, 2); order[0] == 3 {
			heirs[order[1]]++
			total++
		}
	}
	require.Zero(t, heirs[3])
	for i, got := range heirs {
		if i != 3 {
			assert.InEpsilon(t, float64(total)/(n-1), got, 0.6, "%d", i)
		}
	}
}

func TestRingIsBounded(t *testing.T) {
	for _, c := range []struct {
		weights []int
		most    int
	}{
		{even(1, 1), 16384},
		{even(45, 1), 16384},
		{even(46, 3), 16384},
		{even(100, 100), 16384},
		{even(2000, 23), 57 * 2000},
		{append(even(999, 1), 1_000_000), 57 * 1000},
		{append(even(5, 1), math.MaxInt/2, math.MaxInt/2), 16384},
	} {
		r := balancer.NewRing(names(len(c.weights)), c.weights)
		all, own := r.Points(0)
		assert.LessOrEqual(t, all, c.most, "%d", len(c.weights))
		assert.GreaterOrEqual(t, own, 1, "everybody is there")
	}
}

// Neither a member's bytes nor where one text ends and the next begins are mixed up.
func TestHashSessionIsUnambiguous(t *testing.T) {
	seen := map[uint64]string{}
	for _, c := range [][2]string{
		{"", ""}, {"a", ""}, {"", "a"}, {"ab", ""}, {"a", "b"}, {"", "ab"}, {"a\x00", "b"}, {"a", "\x00b"}, {"a\x00b", ""},
		{"\x00", ""}, {"", "\x00"}, {"\x00\x00", ""}, {"\x00", "\x00"}, {"", "\x00\x00"}, {"\xff", "ä"}, {"A", "b"}, {"a", "B"}, {"b", "a"},
	} {
		h := balancer.HashSession(c[0], c[1])
		assert.NotContains(t, seen, h, "%q", c)
		seen[h] = c[0] + "/" + c[1]
	}
}

func TestRingWalkAllocatesNothing(t *testing.T) {
	r := balancer.NewRing(names(1000), even(1000, 1))
	k := balancer.HashSession("tenant", "session")
	assert.Zero(t, testing.AllocsPerRun(100, func() { r.Skim(k, 1) }))
	assert.Zero(t, testing.AllocsPerRun(100, func() { r.Skim(k, 8) }))
	assert.Zero(t, testing.AllocsPerRun(100, func() { balancer.HashSession("tenant", "session") }))
}

func BenchmarkRing(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		r := balancer.NewRing(names(n), even(n, 1))
		ks := keys(1024)
		b.Run(fmt.Sprintf("first of %d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r.Skim(ks[i%len(ks)], 1)
			}
		})
		b.Run(fmt.Sprintf("build %d", n), func(b *testing.B) {
			ns, ws := names(n), even(n, 1)
			b.ReportAllocs()
			for b.Loop() {
				balancer.NewRing(ns, ws)
			}
		})
	}
}
