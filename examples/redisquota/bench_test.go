package redisquota_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/redisquota"
)

// BenchmarkReserveSettle has a real server: two round trips each, or next to none with slices in hand.
func BenchmarkReserveSettle(b *testing.B) {
	client, sent := connect(b, servers.Redis(b).Addr)
	limits := []quota.Limit{
		minutely(quota.Requests, 1e12), minutely(quota.Tokens, 1e15), total(quota.Cost, 1e15),
		{Unit: quota.Cost, Max: 1e15, Window: quota.Daily(0, nil)},
	}
	estimate := quota.Amount{Requests: 1, InputTokens: 1000, OutputTokens: 500, Cost: 1e7}
	truth := quota.Amount{Requests: 1, InputTokens: 1020, OutputTokens: 180, Cost: 6e6}
	store := open(b, client, apart())
	for _, s := range []struct {
		name string
		quota.Store
	}{{"plain", store}, {"leased", lease(b, store, redisquota.LeaseConfig{Total: true})}} {
		b.Run("store="+s.name, func(b *testing.B) {
			b.ReportAllocs()
			before := sent.sent.Load()
			for b.Loop() {
				r, err := s.Reserve(b.Context(), "acme", limits, estimate, long)
				require.NoError(b, err)
				require.NoError(b, s.Settle(b.Context(), r, truth))
			}
			b.ReportMetric(float64(sent.sent.Load()-before)/float64(b.N), "trips/op")
		})
	}
}
