package balancer_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health/redishealth"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
)

// swaps is a Redis, two milliseconds away, that swaps states as redishealth's scripts do.
type swaps struct {
	mu     sync.Mutex
	states map[string]string
}

func (s *swaps) script(ctx context.Context, _ string, keys []string, args ...any) (any, error) {
	select {
	case <-time.After(2 * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch len(keys) {
	case 1:
		values := make([]any, len(args))
		for i, arg := range args {
			values[i] = s.states[arg.(string)]
		}
		return values, nil
	case 3:
		return []any{"0", "", "0", "0", "0", []any{}}, nil
	}
	if now := s.states[args[0].(string)]; now != args[1].(string) {
		return []any{"not", now}, nil
	}
	s.states[args[0].(string)] = args[2].(string)
	return []any{"set"}, nil
}

// TestACrowdThatFailsAtOnceBreaksNoStore has hundreds of requests fail at one moment: a sound store, which is told
// of it, is not taken for broken because they wait for each other.
func TestACrowdThatFailsAtOnceBreaksNoStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const crowd = 600
		fake, redis := providertest.OpenAI(providertest.Config{}), &swaps{states: make(map[string]string)}
		fake.Always(providertest.ServerError())
		cfg := over(fake, account("a"))
		store, err := redishealth.New(redishealth.Config{Script: redis.script})
		require.NoError(t, err)
		cfg.Health, cfg.HealthRefresh, cfg.MaxAttempts = store, -1, 1
		cfg.Attempt = []transport.Middleware{func(next http.RoundTripper) http.RoundTripper {
			return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				time.Sleep(time.Second)
				return next.RoundTrip(r)
			})
		}}
		var told atomic.Int64
		cfg.Hooks.StoreError = func(context.Context, string, error) { told.Add(1) }
		lb := newTransport(t, cfg)
		var all sync.WaitGroup
		for range crowd {
			all.Go(func() {
				_, _, err := send(balancer.WithHint(t.Context(), balancer.Hint{Account: "a"}), t, lb)
				assert.NoError(t, err)
			})
		}
		all.Wait()
		assert.Zero(t, told.Load(), "the store answers each call in two milliseconds")
	})
}
