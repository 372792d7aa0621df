package redisstores_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/balancer/affinitytest"
	"github.com/aitransport/aitransport/balancer/redisaffinity"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/health/healthtest"
)

func TestStoresKeepEveryPromise(t *testing.T) {
	t.Parallel()
	protocols := map[string]int{"RESP2": 2, "RESP3": 3}
	slots := map[string]int{"single RESP2": 1, "single RESP3": 64, "cluster RESP2": 64, "cluster RESP3": 1}
	for _, world := range worlds {
		t.Run(world.name, func(t *testing.T) {
			t.Parallel()
			addrs := world.start(t)
			for name, protocol := range protocols {
				client, _ := connect(t, func(o *redis.UniversalOptions) { o.Protocol = protocol }, addrs...)
				t.Run("health "+name, func(t *testing.T) {
					t.Parallel()
					healthtest.Run(t, func(t *testing.T) health.Store { return healthStore(t, client, apart()) })
				})
				t.Run("affinity "+name, func(t *testing.T) {
					t.Parallel()
					cfg := redisaffinity.Config{Slots: slots[world.name+" "+name]}
					affinitytest.Run(t, func(t *testing.T) balancer.AffinityStore {
						cfg.Prefix = apart()
						return affinityStore(t, client, cfg)
					})
				})
			}
		})
	}
}
