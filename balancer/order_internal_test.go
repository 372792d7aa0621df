package balancer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// orders makes each order over places of these weights.
var orders = map[string]func(weights []int64) order{
	"first":    func(w []int64) order { return newFirst(len(w)) },
	"turns":    func(w []int64) order { return newTurns(w) },
	"weighted": func(w []int64) order { return newWeighted(w) },
	"paired": func(w []int64) order {
		return &paired{newWeighted(w), func(i, j int) bool { return i%3 < j%3 }}
	},
	"dense": func(w []int64) order { return newDense(len(w)) },
}

// TestOrdersFindWhoeverFits drives each order at random, beside a set that is gone
// through one by one: it finds somebody where there is somebody, never somebody else,
// and forgets those that it is told are gone.
func TestOrdersFindWhoeverFits(t *testing.T) {
	for name, of := range orders {
		for _, n := range []int{1, 2, 3, 63, 64, 65, 200, 5000} {
			t.Run(fmt.Sprint(name, " of ", n), func(t *testing.T) {
				seed := rand.Uint64()
				rnd := rand.New(rand.NewPCG(seed, 1))
				weights := make([]int64, n)
				for i := range weights {
					weights[i] = 1 + rnd.Int64N(100)
				}
				o := of(weights)
				ready := map[int]bool{}
				for range min(2000, 600_000/n) {
					switch i := rnd.IntN(n); rnd.IntN(4) {
					case 0, 1:
						o.add(i)
						ready[i] = true
					case 2:
						o.remove(i)
						delete(ready, i)
					default:
						opinion := map[int]fitness{}
						sort := rnd.IntN(4)
						for i := range ready {
							switch {
							case sort == 0: // nobody fits
								opinion[i] = unfit
							case sort == 1: // one in ten does
								opinion[i] = unfit
								if rnd.IntN(10) == 0 {
									opinion[i] = fits
								}
							default:
								opinion[i] = fitness(rnd.IntN(3))
							}
						}
						some := slices.Contains(values(opinion), fits)
						found := o.next(lookFunc(func(i int) fitness {
							require.True(t, ready[i], "seed %d: it proposed %d, which is not in it", seed, i)
							if opinion[i] == absent {
								delete(ready, i)
							}
							return opinion[i]
						}))
						require.Equal(t, some, found >= 0, "seed %d", seed)
						if some {
							require.Equal(t, fits, opinion[found], "seed %d", seed)
						}
					}
					require.Equal(t, len(ready), o.len(), "seed %d", seed)
				}
				for len(ready) > 0 { // and all of them can be found
					i := o.next(lookFunc(func(int) fitness { return fits }))
					require.True(t, ready[i], "seed %d", seed)
					o.remove(i)
					delete(ready, i)
				}
				require.Equal(t, -1, o.next(lookFunc(func(int) fitness { return fits })))
			})
		}
	}
}

func values(m map[int]fitness) (list []fitness) {
	for _, v := range m {
		list = append(list, v)
	}
	return list
}

func TestFirstTakesTheFirst(t *testing.T) {
	const n = 9000
	f := newFirst(n)
	ready := make([]bool, n)
	for range 20_000 {
		i := rand.IntN(n)
		if rand.IntN(3) > 0 {
			f.add(i)
			ready[i] = true
		} else {
			f.remove(i)
			ready[i] = false
		}
		if rand.IntN(100) == 0 {
			from := rand.IntN(n) // those before do not fit
			want := slices.Index(ready[from:], true)
			if want >= 0 {
				want += from
			}
			require.Equal(t, want, f.next(lookFunc(func(i int) fitness {
				if i < from {
					return unfit
				}
				return fits
			})))
		}
	}
}

// TestWeightsAreRespected: each place is found in proportion to its weight, also after
// others have come and gone.
func TestWeightsAreRespected(t *testing.T) {
	weights := []int64{1, 2, 5, 1, 10, 3, 1, 1, 20, 6, 100, 50}
	out := map[int]bool{3: true, 8: true, 10: true}
	var total int64
	for i, w := range weights {
		if !out[i] {
			total += w
		}
	}
	never := func(int, int) bool { return false }
	for name, o := range map[string]order{"weighted": newWeighted(weights), "turns": newTurns(weights), "paired": &paired{newWeighted(weights), never}} {
		t.Run(name, func(t *testing.T) {
			for i := range weights {
				o.add(i)
				o.add(i) // twice is once
			}
			for range 1000 {
				o.next(lookFunc(func(int) fitness { return fits }))
			}
			for i := range out {
				o.remove(i)
				o.remove(i)
			}
			const n = 60_000
			counts := make([]int64, len(weights))
			for range n {
				counts[o.next(lookFunc(func(int) fitness { return fits }))]++
			}
			for i, w := range weights {
				if out[i] {
					assert.Zero(t, counts[i])
					continue
				}
				want := float64(n) * float64(w) / float64(total)
				slack := 5*math.Sqrt(want) + 1 // five deviations
				if name == "turns" {
					slack = 2
				}
				assert.InDelta(t, want, counts[i], slack, "place %d of weight %d", i, w)
			}
		})
	}
}

// TestTurnsAreSpreadEvenly: at no time has a place had a turn more, or fewer, than its
// share, and one more for its neighbours.
func TestTurnsAreSpreadEvenly(t *testing.T) {
	weights := []int64{5, 1, 1}
	o := newTurns(weights)
	for i := range weights {
		o.add(i)
	}
	var got []int
	counts := make([]float64, len(weights))
	for n := 1; n <= 700; n++ {
		i := o.next(lookFunc(func(int) fitness { return fits }))
		counts[i]++
		if len(got) < 7 {
			got = append(got, i)
		}
		for i, w := range weights {
			require.InDelta(t, float64(n)*float64(w)/7, counts[i], 1.01, "after %d", n)
		}
	}
	assert.Len(t, slices.DeleteFunc(slices.Clone(got), func(i int) bool { return i != 0 }), 5)
	assert.NotEqual(t, []int{0, 0, 0, 0, 0}, got[:5], "not all at once")
}

// TestWhoComesBackHasNoTurnsToCatchUpWith: a place that was away for long does not get
// all turns when it comes back.
func TestWhoComesBackHasNoTurnsToCatchUpWith(t *testing.T) {
	o := newTurns([]int64{1, 1, 1})
	for i := range 3 {
		o.add(i)
	}
	o.remove(2)
	for range 1000 {
		require.NotEqual(t, 2, o.next(lookFunc(func(int) fitness { return fits })))
	}
	o.add(2)
	counts := make([]int, 3)
	for range 300 {
		counts[o.next(lookFunc(func(int) fitness { return fits }))]++
	}
	for i, n := range counts {
		assert.InDelta(t, 100, n, 2, "place %d", i)
	}
}

// TestATurnThatDidNotFitIsStillToCome: who does not suit one request is first for the
// next.
func TestATurnThatDidNotFitIsStillToCome(t *testing.T) {
	o := newTurns([]int64{1, 1})
	o.add(0)
	o.add(1)
	assert.Equal(t, 1, o.next(lookFunc(func(i int) fitness {
		if i == 0 {
			return unfit
		}
		return fits
	})))
	assert.Equal(t, 0, o.next(lookFunc(func(int) fitness { return fits })))
}

// TestPairedTakesTheLighterOfTwo: with one clearly lighter than the others it gets what
// two draws give it.
func TestPairedTakesTheLighterOfTwo(t *testing.T) {
	weights := make([]int64, 10)
	for i := range weights {
		weights[i] = 1
	}
	p := &paired{newWeighted(weights), func(i, j int) bool { return i == 0 && j != 0 }}
	for i := range weights {
		p.add(i)
	}
	const n = 20_000
	zero := 0
	for range n {
		if p.next(lookFunc(func(int) fitness { return fits })) == 0 {
			zero++
		}
	}
	assert.InDelta(t, 1-0.9*0.9, float64(zero)/n, 0.02)
	assert.Equal(t, 3, p.next(lookFunc(func(i int) fitness {
		if i == 3 {
			return fits
		}
		return unfit
	})), "the other draw need not fit")
}

// TestDenseStaysConsistent: each place stands where it is said to, and nowhere else.
func TestDenseStaysConsistent(t *testing.T) {
	const n = 100
	d := newDense(n)
	for range 10_000 {
		if i := rand.IntN(n); rand.IntN(2) == 0 {
			d.add(i)
		} else {
			d.remove(i)
		}
		for at, i := range d.places {
			require.Equal(t, at, d.where[i])
		}
		in := 0
		for _, at := range d.where {
			if at >= 0 {
				in++
			}
		}
		require.Equal(t, len(d.places), in)
	}
}

// lookFunc is a func that looks.
type lookFunc func(i int) fitness

func (f lookFunc) look(i int) fitness { return f(i) }
