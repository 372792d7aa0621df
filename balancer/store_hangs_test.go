package balancer_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
)

// hangingHealth hangs until its caller gives up, once it is told to.
type hangingHealth struct {
	health.Store
	hangs bool
}

func (s *hangingHealth) Update(ctx context.Context, k health.Subject, f func(health.State) health.State) (health.State, error) {
	if s.hangs {
		<-ctx.Done()
		return health.State{}, ctx.Err()
	}
	return s.Store.Update(ctx, k, f)
}

// hangingAffinity hangs until its caller gives up.
type hangingAffinity struct{}

func (hangingAffinity) Get(ctx context.Context, keys ...string) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (hangingAffinity) Put(ctx context.Context, _ string, _ time.Duration, _ ...string) error {
	<-ctx.Done()
	return ctx.Err()
}

func (hangingAffinity) Delete(ctx context.Context, _ ...string) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestADeadAffinityStoreDoesNotCostEachRequestATimeout has a store that hangs.
func TestADeadAffinityStoreDoesNotCostEachRequestATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, account("main"))
		cfg.Affinity = hangingAffinity{}
		lb := newTransport(t, cfg)
		begun := time.Now()
		for range 10 {
			r := newRequest(t.Context(), t, "POST", "https://api.openai.com/v1/responses", `{"model":"gpt-5","input":"hi","previous_response_id":"resp_1"}`)
			resp, err := lb.RoundTrip(r)
			require.NoError(t, err)
			_ = resp.Body.Close()
		}
		assert.Less(t, time.Since(begun), 20*time.Second, "for 10 requests")
	})
}

// TestADeadHealthStoreDoesNotCostEachFailureATimeout has a store that hangs.
func TestADeadHealthStoreDoesNotCostEachFailureATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		store := &hangingHealth{Store: health.NewMemory(health.MemoryConfig{})}
		cfg := over(fake, account("a"), account("b"))
		cfg.Health, cfg.HealthRefresh = store, -1
		lb := newTransport(t, cfg)
		store.hangs = true
		begun := time.Now()
		for range 10 {
			fake.Script(providertest.ServerError())
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
		}
		assert.Less(t, time.Since(begun), 20*time.Second, "for 10 requests that fail over")
	})
}

var _ balancer.AffinityStore = hangingAffinity{}
