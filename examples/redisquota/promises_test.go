package redisquota_test

import (
	"testing"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/quotatest"
)

func TestStoreKeepsItsPromises(t *testing.T) {
	t.Parallel()
	for _, world := range worlds {
		t.Run(world.name, func(t *testing.T) {
			t.Parallel()
			client, _ := connect(t, world.start(t)...)
			quotatest.RunRealTime(t, func(t *testing.T) quota.Store { return open(t, client, apart()) })
		})
	}
}
