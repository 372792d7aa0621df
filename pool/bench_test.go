package pool_test

import (
	"context"
	"runtime"
	"strconv"
	"testing"

	"github.com/aitransport/aitransport/pool"
)

// callers is how many goroutines the parallel benchmarks have at least.
const callers = 16

// BenchmarkPool measures Acquire and Release of an agent that is there. The aim is
// under 200 ns and at most 1 allocation alone, and at most 3 times that with 16
// callers, whether they share one agent or not.
func BenchmarkPool(b *testing.B) {
	b.Run("hit", func(b *testing.B) {
		p := filled(b, 1)
		k := numbered(0)
		b.ReportAllocs()
		for b.Loop() {
			use(b, p, k)
		}
	})
	b.Run("hit of 100", func(b *testing.B) {
		p, keys := filled(b, 100), keysUpTo(100)
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			use(b, p, keys[i%len(keys)])
			i++
		}
	})
	b.Run("hit, 16 callers", func(b *testing.B) { inParallel(b, 1) })
	b.Run("hit of 100, 16 callers", func(b *testing.B) { inParallel(b, 100) })
}

func inParallel(b *testing.B, agents int) {
	p, keys := filled(b, agents), keysUpTo(agents)
	b.ReportAllocs()
	b.SetParallelism((callers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			use(b, p, keys[i%len(keys)])
		}
	})
}

// filled is a pool that has an agent for each of n keys.
func filled(tb testing.TB, n int) *pool.Pool {
	p := pool.New(pool.Config{MaxAgents: n})
	tb.Cleanup(func() { _ = p.Close() })
	for _, k := range keysUpTo(n) {
		l, err := p.Acquire(context.Background(), k, plain)
		if err != nil {
			tb.Fatal(err)
		}
		l.Release()
	}
	return p
}

func keysUpTo(n int) []pool.Key {
	keys := make([]pool.Key, n)
	for i := range keys {
		keys[i] = numbered(i)
	}
	return keys
}

func numbered(i int) pool.Key {
	return pool.Key{Scheme: "https", Host: "api" + strconv.Itoa(i) + ".example.com:443", Route: "0123456789abcdef0123456789abcdef", HTTP2: true, Variant: 7}
}

func use(tb testing.TB, p *pool.Pool, k pool.Key) {
	l, err := p.Acquire(context.Background(), k, plain)
	if err != nil {
		tb.Fatal(err)
	}
	l.Release()
}

func plain(context.Context) (pool.Agent, error) { return &silent{}, nil }

// silent is an agent that keeps no books, for benchmarks and examples.
type silent struct{ pool.Agent }

func (*silent) CloseIdleConnections() {}
