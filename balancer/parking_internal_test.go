package balancer

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestParkingKeepsOrder drives a parking at random, beside a map that is gone through
// one by one.
func TestParkingKeepsOrder(t *testing.T) {
	const n = 300
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 2))
	p := newParking(n)
	parked := map[int]int64{}
	soonest := func() int64 {
		first := int64(noEnd)
		for _, until := range parked {
			first = min(first, until)
		}
		return first
	}
	now := int64(0)
	for range 3000 {
		i := rnd.IntN(n)
		switch rnd.IntN(5) {
		case 0, 1:
			until := now + rnd.Int64N(1000)
			if rnd.IntN(10) == 0 {
				until = noEnd
			}
			p.put(i, until)
			parked[i] = until
		case 2:
			_, in := parked[i]
			require.Equal(t, in, p.take(i), "seed %d", seed)
			delete(parked, i)
		default:
			now += rnd.Int64N(50)
			for {
				want := soonest()
				i := p.due(now)
				require.Equal(t, want <= now, i >= 0, "seed %d", seed)
				if i < 0 {
					break
				}
				require.Equal(t, want, parked[i], "seed %d: the soonest first", seed)
				delete(parked, i)
			}
		}
		require.Equal(t, len(parked), p.Len())
		require.Equal(t, soonest(), p.soonest())
		for i, at := range p.where {
			if _, in := parked[i]; in {
				require.EqualValues(t, i, p.queue[at])
			} else {
				require.EqualValues(t, -1, at)
			}
		}
	}
}

func TestWhatWaitsForSomebodyIsNeverDue(t *testing.T) {
	p := newParking(2)
	p.put(0, noEnd)
	assert.Equal(t, -1, p.due(noEnd-1))
	assert.True(t, p.take(0))
	assert.False(t, p.take(0))
	assert.Zero(t, moment(nanos(time.Time{})))
	at := time.Unix(12, 34)
	assert.True(t, at.Equal(moment(nanos(at))))
}
