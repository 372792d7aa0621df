package pool_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHitAllocatesAtMostOnce(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates: run without -race")
	}
	for name, agents := range map[string]int{"one agent": 1, "100 agents": 100} {
		t.Run(name, func(t *testing.T) {
			p, k := filled(t, agents), numbered(agents/2)
			got := testing.AllocsPerRun(1000, func() { use(t, p, k) })
			assert.LessOrEqual(t, got, 1.0) // 0 when this was written
		})
	}
}

// A lease takes a place in its agent's books and leaves it to the next.
func TestLeasesLeaveNothingBehind(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector keeps memory: run without -race")
	}
	p, k := filled(t, 1), numbered(0)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range 200_000 {
		use(t, p, k)
	}
	assert.Less(t, heap(), before+200_000, "bytes: not one a lease")
	runtime.KeepAlive(p)
}
