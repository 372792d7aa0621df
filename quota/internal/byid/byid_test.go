package byid_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota/internal/byid"
)

type value struct {
	n     uint64
	other *value
}

// TestMapAgreesWithGos drives random acts against both. Numbers are given in turn, as stores do, in steps of 1 and of 64,
// or by chance.
func TestMapAgreesWithGos(t *testing.T) {
	for seed := range uint64(30) {
		p := pair{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), gos: make(map[uint64]*value)}
		for range 3000 {
			p.step([]uint64{1, 64, p.rnd.Uint64()}[seed%3])
			require.Equal(t, len(p.gos), p.ours.Len())
			require.Nil(t, p.ours.Get(p.last+1))
		}
		for id, v := range p.gos {
			require.Same(t, v, p.ours.Get(id), "seed %d: it was moved or lost", seed)
			require.Equal(t, id, v.n)
		}
	}
}

type pair struct {
	t    *testing.T
	rnd  *rand.Rand
	ours byid.Map[value]
	gos  map[uint64]*value
	ids  []uint64 // that were ever given
	last uint64
}

func (p *pair) step(next uint64) {
	switch n := p.rnd.IntN(100); {
	case n < 52 || p.last == 0:
		p.last += next
		v := p.ours.Add(p.last)
		require.Zero(p.t, *v, "what another value held")
		*v = value{p.last, v}
		p.gos[p.last] = v
		p.ids = append(p.ids, p.last)
	case n < 99:
		id := p.ids[p.rnd.IntN(len(p.ids))] // which may be gone
		p.ours.Delete(id)
		delete(p.gos, id)
	default:
		odd := func(id uint64) bool { return id/64%2 == 1 }
		p.ours.DeleteFunc(func(v *value) bool { return odd(v.n) })
		for id, v := range p.gos {
			if odd(id) {
				require.Zero(p.t, *v, "what was deleted keeps nothing alive")
				delete(p.gos, id)
			}
		}
	}
}

func TestMapShrinks(t *testing.T) {
	var m byid.Map[[64]byte]
	for id := range uint64(100_000) {
		m.Add(id)
	}
	m.DeleteFunc(func(*[64]byte) bool { return true })
	assert.Zero(t, m.Len())
	assert.LessOrEqual(t, m.Remembered(), 50)
}

func TestMapThatHoldsSoManyNeedsNoMoreMemory(t *testing.T) {
	var m byid.Map[value]
	for id := range uint64(1000) {
		m.Add(id)
	}
	id := uint64(1000)
	assert.Zero(t, testing.AllocsPerRun(10_000, func() {
		m.Add(id)
		m.Delete(id - 1000)
		id++
	}))
}

func TestTexts(t *testing.T) {
	for _, id := range []uint64{0, 1, 9, 10, 31, 32, 33, 1023, 1024, 1<<35 - 1, 1 << 35, 1<<60 - 1, 1 << 60, math.MaxUint64} {
		text := string(byid.AppendText([]byte("x"), id))
		assert.Equal(t, "x"+strconv.FormatUint(id, 32), text)
		got, ok := byid.Parse(text[1:])
		assert.True(t, ok, text)
		assert.Equal(t, id, got)
	}
	for _, text := range []string{"", "0a", "00", "A", "w", "-1", "+1", "1_0", " 1", "1\x00", "g000000000000", "10000000000000"} {
		_, ok := byid.Parse(text)
		assert.False(t, ok, "%q", text)
	}
}
