package balancer_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// ttlStore notes for how long things are reserved.
type ttlStore struct {
	*quota.Memory
	ttls chan time.Duration
}

func (s ttlStore) Reserve(ctx context.Context, key string, limits []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	s.ttls <- ttl
	return s.Memory.Reserve(ctx, key, limits, a, ttl)
}

func TestReservationTTL(t *testing.T) {
	short := transport.Config{HeaderTimeout: time.Minute, BodyIdleTimeout: 2 * time.Minute}
	for name, test := range map[string]struct {
		transport  transport.Config
		asked, ttl time.Duration
	}{
		"default":                {ttl: 30 * time.Minute},
		"default, slow provider": {transport: transport.Config{HeaderTimeout: time.Hour}, ttl: 2 * time.Hour},
		"as asked":               {transport: short, asked: 4 * time.Minute, ttl: 4 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			store := ttlStore{quota.NewMemory(quota.MemoryConfig{}), make(chan time.Duration, 1)}
			a := account("a")
			a.Limits = []quota.Limit{{Unit: quota.InFlight, Max: 1}}
			cfg := over(providertest.OpenAI(providertest.Config{}), a)
			cfg.Quota, cfg.Transport, cfg.ReservationTTL = store, test.transport, test.asked
			_, _, err := send(t.Context(), t, newTransport(t, cfg))
			require.NoError(t, err)
			assert.Equal(t, test.ttl, <-store.ttls)
		})
	}
	for name, cfg := range map[string]balancer.Config{
		"shorter than the default time-outs allow": {ReservationTTL: 19 * time.Minute},
		"shorter than those given allow":           {ReservationTTL: 3 * time.Minute, Transport: short},
		"negative":                                 {ReservationTTL: -time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Accounts = []balancer.Account{account("a")}
			_, err := balancer.New(cfg)
			require.ErrorContains(t, err, "ReservationTTL")
			assert.ErrorContains(t, err, "write at least")
		})
	}
}
