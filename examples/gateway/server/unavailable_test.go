package server_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/quota"
)

// awayStore is a quota store that cannot be reached.
type awayStore struct{ quota.Store }

func (awayStore) Reserve(context.Context, string, []quota.Limit, quota.Amount, time.Duration) (quota.Reservation, error) {
	return quota.Reservation{}, errors.New("dial tcp 10.0.0.9:6379: connection refused")
}

// A key whose limits cannot be looked up is refused as something that passes, without a
// word about where the store is.
func TestLimitsThatCannotBeLookedUp(t *testing.T) {
	r := newRig(t, withKey(func(k *resource.Key) { k.InFlight = 1 }), func(c *server.Config) {
		c.Quota = quota.NewGuard(awayStore{quota.NewMemory(quota.MemoryConfig{})}, quota.GuardConfig{})
	})
	for range 2 { // asked, and not asked
		got := r.chat()
		assert.Equal(t, 503, got.status, got.body)
		assert.Contains(t, got.body, "cannot be looked up")
		assert.NotContains(t, got.body, "10.0.0.9")
	}
	assert.Zero(t, r.hits())
}
