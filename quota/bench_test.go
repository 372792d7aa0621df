package quota_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// fourLimits are what an account of a provider usually has: all are open wide, so that none refuses.
var fourLimits = []quota.Limit{
	{Unit: quota.Requests, Max: 1 << 40, Window: quota.Rolling(time.Minute)},
	{Unit: quota.Tokens, Max: 1 << 60, Window: quota.Rolling(time.Minute)},
	{Unit: quota.Cost, Max: 1 << 60, Window: quota.Daily(0, nil)},
	{Unit: quota.InFlight, Max: 1 << 40},
}

var (
	estimate = quota.Amount{Requests: 1, InputTokens: 1000, OutputTokens: 500, Cost: 1e7}
	truth    = quota.Amount{Requests: 1, InputTokens: 1020, OutputTokens: 180, Cost: 6e6}
	debt     = quota.Amount{Requests: 1, InputTokens: 1020, OutputTokens: 900, Cost: 2e7}
)

// reserveAndSettle is a call from its beginning to its end.
func reserveAndSettle(b *testing.B, m *quota.Memory, key string, limits []quota.Limit, used quota.Amount) {
	ctx := context.Background()
	r, err := m.Reserve(ctx, key, limits, estimate, time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	if err := m.Settle(ctx, r, used); err != nil {
		b.Fatal(err)
	}
}

// manyKeys are remembered by the store.
func manyKeys(b *testing.B, m *quota.Memory) []string {
	keys := make([]string, 10_000)
	for i := range keys {
		keys[i] = fmt.Sprint("account ", i)
		reserveAndSettle(b, m, keys[i], fourLimits, truth)
	}
	return keys
}

func BenchmarkReserveSettle(b *testing.B) {
	for _, n := range []int{0, 1, 2, 4} {
		b.Run(fmt.Sprintf("limits=%d", n), func(b *testing.B) {
			m := quota.NewMemory(quota.MemoryConfig{})
			b.ReportAllocs()
			for b.Loop() {
				reserveAndSettle(b, m, "main", fourLimits[:n], truth)
			}
		})
	}
}

// BenchmarkReserveSettleDebt has calls that use more than was estimated.
func BenchmarkReserveSettleDebt(b *testing.B) {
	m := quota.NewMemory(quota.MemoryConfig{})
	b.ReportAllocs()
	for b.Loop() {
		reserveAndSettle(b, m, "main", fourLimits, debt)
	}
}

// BenchmarkReserveSettleRolling has no window that goes by the clock on the wall.
func BenchmarkReserveSettleRolling(b *testing.B) {
	m := quota.NewMemory(quota.MemoryConfig{})
	limits := slices.Clone(fourLimits)
	limits[2].Window = quota.Rolling(24 * time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		reserveAndSettle(b, m, "main", limits, truth)
	}
}

// BenchmarkReserveSettleDays has three windows that go by the clock on the wall.
func BenchmarkReserveSettleDays(b *testing.B) {
	m, zone := quota.NewMemory(quota.MemoryConfig{}), zone(b, "Europe/Berlin")
	limits := []quota.Limit{
		{Unit: quota.Requests, Max: 1 << 40, Window: quota.Daily(0, zone)},
		{Unit: quota.Tokens, Max: 1 << 60, Window: quota.Weekly(time.Monday, 0, zone)},
		{Unit: quota.Cost, Max: 1 << 60, Window: quota.Monthly(1, 0, zone)},
		{Unit: quota.InFlight, Max: 1 << 40},
	}
	b.ReportAllocs()
	for b.Loop() {
		reserveAndSettle(b, m, "main", limits, truth)
	}
}

// BenchmarkReserveAll charges three keys together.
func BenchmarkReserveAll(b *testing.B) {
	m, ctx := quota.NewMemory(quota.MemoryConfig{}), context.Background()
	charges := []quota.Charge{{Key: "tenant", Limits: fourLimits}, {Key: "user", Limits: fourLimits}, {Key: "account", Limits: fourLimits}}
	b.ReportAllocs()
	for b.Loop() {
		rs, err := quota.ReserveAll(ctx, m, charges, estimate, time.Minute)
		if err != nil {
			b.Fatal(err)
		}
		if err := quota.SettleAll(ctx, m, rs, truth); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBounds is what a store pays once for a window.
func BenchmarkBounds(b *testing.B) {
	w, now := quota.Daily(9*time.Hour, zone(b, "Europe/Berlin")), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		w.Bounds(now)
	}
}

// BenchmarkReserveSettleBusy has 1,000 streams of the key under way.
func BenchmarkReserveSettleBusy(b *testing.B) {
	m := quota.NewMemory(quota.MemoryConfig{})
	for range 1000 {
		if _, err := m.Reserve(context.Background(), "main", fourLimits, estimate, time.Hour); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		reserveAndSettle(b, m, "main", fourLimits, truth)
	}
}

// BenchmarkReserveSettleKeys goes through many keys, each of which has left the processor's caches since it was used.
func BenchmarkReserveSettleKeys(b *testing.B) {
	m := quota.NewMemory(quota.MemoryConfig{})
	keys := manyKeys(b, m)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i = (i + 997) % len(keys)
		reserveAndSettle(b, m, keys[i], fourLimits, truth)
	}
}

// BenchmarkReserveSettleParallel has all processors at work, on keys of their own or all on one.
func BenchmarkReserveSettleParallel(b *testing.B) {
	for _, shared := range []bool{false, true} {
		b.Run(fmt.Sprintf("onekey=%v", shared), func(b *testing.B) {
			m := quota.NewMemory(quota.MemoryConfig{})
			keys := manyKeys(b, m)
			if shared {
				keys = keys[:1]
			}
			var caller atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := int(caller.Add(1)) * 997; pb.Next(); i++ {
					reserveAndSettle(b, m, keys[i%len(keys)], fourLimits, truth)
				}
			})
		})
	}
}

func BenchmarkReserveRefused(b *testing.B) {
	m := quota.NewMemory(quota.MemoryConfig{})
	full := []quota.Limit{{Unit: quota.Requests, Max: 1, Window: quota.Rolling(24 * time.Hour)}}
	reserveAndSettle(b, m, "main", full, truth)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Reserve(context.Background(), "main", full, estimate, time.Minute); err == nil {
			b.Fatal("admitted")
		}
	}
}
