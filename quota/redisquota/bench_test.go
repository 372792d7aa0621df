package redisquota_test

import (
	"context"
	"errors"
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

// BenchmarkLeased compares slices in hand with a store in memory.
func BenchmarkLeased(b *testing.B) {
	store, err := redisquota.New(redisquota.Config{Script: plenty})
	if err != nil {
		b.Fatal(err)
	}
	leased, err := redisquota.NewLeased(store, redisquota.LeaseConfig{Total: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := leased.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	limits := []quota.Limit{
		{Unit: quota.Requests, Max: 1 << 40, Window: quota.Rolling(time.Minute)},
		{Unit: quota.Tokens, Max: 1 << 50, Window: quota.Rolling(time.Minute)},
		{Unit: quota.Cost, Max: 1 << 50, Window: quota.Daily(0, nil)},
		{Unit: quota.Cost, Max: 1 << 50, Window: quota.Total()},
	}
	estimate := quota.Amount{Requests: 1, InputTokens: 1000, OutputTokens: 500, Cost: 1e7}
	truth := quota.Amount{Requests: 1, InputTokens: 1020, OutputTokens: 180, Cost: 6e6}
	for _, s := range []struct {
		name string
		quota.Store
	}{{"memory", quota.NewMemory(quota.MemoryConfig{})}, {"leased", leased}} {
		b.Run("store="+s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := s.Reserve(context.Background(), "main", limits, estimate, time.Minute)
				if err = errors.Join(err, s.Settle(context.Background(), r, truth)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
