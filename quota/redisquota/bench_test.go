package redisquota_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/redisquota"
)

// plenty is a server that hands out slices in which there is enough for all.
func plenty(context.Context, string, []string, ...any) (any, error) {
	const much = "1000000000000"
	return []any{"ok", fmt.Sprint(time.Now().UnixMicro()), "0", much, much, much, much, much}, nil
}

// leasedLimits are four of which slices are taken, as a provider has them and the account's owner; all are open wide.
var leasedLimits = []quota.Limit{
	{Unit: quota.Requests, Max: 1 << 40, Window: quota.Rolling(time.Minute)},
	{Unit: quota.InputTokens, Max: 1 << 50, Window: quota.Rolling(time.Minute)},
	{Unit: quota.OutputTokens, Max: 1 << 50, Window: quota.Rolling(time.Minute)},
	{Unit: quota.Cost, Max: 1 << 50, Window: quota.Daily(0, nil)},
}

func newLeasedForBenchmark(b *testing.B) *redisquota.Leased {
	store, err := redisquota.New(redisquota.Config{Script: plenty})
	if err != nil {
		b.Fatal(err)
	}
	leased, err := redisquota.NewLeased(store, redisquota.LeaseConfig{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := leased.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return leased
}

// oneCall is a call from its beginning to its end.
func oneCall(b *testing.B, s quota.Store, key string) {
	estimate := quota.Amount{Requests: 1, InputTokens: 1000, OutputTokens: 500, Cost: 1e7}
	truth := quota.Amount{Requests: 1, InputTokens: 980, OutputTokens: 180, Cost: 6e6}
	r, err := s.Reserve(context.Background(), key, leasedLimits, estimate, time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Settle(context.Background(), r, truth); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLeased compares slices in hand with a store in memory.
func BenchmarkLeased(b *testing.B) {
	for _, s := range []struct {
		name string
		quota.Store
	}{{"memory", quota.NewMemory(quota.MemoryConfig{})}, {"leased", newLeasedForBenchmark(b)}} {
		b.Run("store="+s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				oneCall(b, s.Store, "main")
			}
		})
		b.Run("parallel/store="+s.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					oneCall(b, s.Store, "main")
				}
			})
		})
	}
}

// BenchmarkLeasedByMemory gives both stores turns of a thousand calls each, so that whatever else the machine does slows
// down both, and reports the one by the other.
func BenchmarkLeasedByMemory(b *testing.B) {
	const turn = 1000
	stores := [2]quota.Store{quota.NewMemory(quota.MemoryConfig{}), newLeasedForBenchmark(b)}
	var took [len(stores)]time.Duration
	var keys [100]string
	for i := range keys {
		keys[i] = fmt.Sprint("account ", i)
	}
	turns := 0
	for ; b.Loop(); turns++ {
		for i, s := range stores {
			begun := time.Now()
			for n := range turn {
				oneCall(b, s, keys[n%len(keys)])
			}
			took[i] += time.Since(begun)
		}
	}
	b.ReportMetric(float64(took[0].Nanoseconds())/float64(turns*turn), "memory-ns/call")
	b.ReportMetric(float64(took[1].Nanoseconds())/float64(turns*turn), "leased-ns/call")
	b.ReportMetric(float64(took[1])/float64(took[0]), "leased/memory")
	b.ReportMetric(0, "ns/op") // of both together says nothing
}
