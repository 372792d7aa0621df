package balancer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// fragileAffinity fails while it is down.
type fragileAffinity struct {
	balancer.AffinityStore
	down  atomic.Bool
	calls atomic.Int64
}

func newFragileAffinity() *fragileAffinity {
	return &fragileAffinity{AffinityStore: balancer.NewAffinityMemory(balancer.AffinityMemoryConfig{})}
}

func (s *fragileAffinity) fails() bool {
	s.calls.Add(1)
	return s.down.Load()
}

func (s *fragileAffinity) Get(ctx context.Context, keys ...string) ([]string, error) {
	if s.fails() {
		return nil, errBroken
	}
	return s.AffinityStore.Get(ctx, keys...)
}

func (s *fragileAffinity) Put(ctx context.Context, account string, ttl time.Duration, keys ...string) error {
	if s.fails() {
		return errBroken
	}
	return s.AffinityStore.Put(ctx, account, ttl, keys...)
}

func (s *fragileAffinity) Delete(ctx context.Context, keys ...string) error {
	if s.fails() {
		return errBroken
	}
	return s.AffinityStore.Delete(ctx, keys...)
}

// TestWhereAThingLivesThatNobodyCanSay has a thing that another program has made, and a store that is broken.
func TestWhereAThingLivesThatNobodyCanSay(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*balancer.Config)
		hint   balancer.Hint
		goes   bool
	}{
		"closed":      {change: func(*balancer.Config) {}},
		"open":        {change: func(c *balancer.Config) { c.AffinityOpen = true }, goes: true},
		"one account": {change: func(c *balancer.Config) { c.Accounts = c.Accounts[:1] }, goes: true},
		"one of the group": {hint: balancer.Hint{Group: "g"}, goes: true, change: func(c *balancer.Config) {
			c.Accounts[1].Groups = []string{"g"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFragileAffinity()
				store.down.Store(true)
				fake := providertest.OpenAI(providertest.Config{})
				w := newHomeWorld(t, provider.OpenAI, fake, func(c *balancer.Config) {
					c.Affinity = store
					tt.change(c)
				})
				for i := range 3 {
					_, err := w.follow(balancer.WithHint(t.Context(), tt.hint), t, "resp_1")
					if tt.goes {
						require.NoError(t, err)
						continue
					}
					var failure *balancer.Error
					require.ErrorAs(t, err, &failure)
					require.ErrorIs(t, err, balancer.ErrStoreBroken)
					require.Equal(t, i == 0, errors.Is(err, errBroken), "what it said is for him who asked")
					require.NotErrorIs(t, err, balancer.ErrNoAccount)
					require.Equal(t, time.Now().Add(time.Second), failure.RetryAt)
				}
				assert.EqualValues(t, 1, store.calls.Load())
				if tt.goes {
					assert.Equal(t, 3, fake.Count())
				} else {
					assert.Zero(t, fake.Count())
				}
			})
		})
	}
}

// TestThingsMadeWhileTheStoreIsBroken are known to their program meanwhile, and to the others once the store is back.
func TestThingsMadeWhileTheStoreIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFragileAffinity()
		fake := providertest.OpenAI(providertest.Config{})
		var said []string
		share := func(c *balancer.Config) {
			c.Affinity = store
			c.Hooks.StoreError = func(_ context.Context, store string, err error) {
				assert.ErrorIs(t, err, errBroken)
				said = append(said, store)
			}
			c.Hooks.StoreBack = func(_ context.Context, store string, after time.Duration) {
				said = append(said, fmt.Sprint(store, " back after ", after))
			}
		}
		one, other := newHomeWorld(t, provider.OpenAI, fake, share), newHomeWorld(t, provider.OpenAI, fake, share)
		store.down.Store(true)
		var ids []string
		for i := range 5 {
			ids = append(ids, one.response(t, balancer.Hint{Account: []string{"second", "third"}[i%2]}))
		}
		for _, id := range ids {
			status, err := one.follow(t.Context(), t, id)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, status)
		}
		assert.Equal(t, []string{"affinity"}, said)
		assert.EqualValues(t, 1, store.calls.Load())
		store.down.Store(false)
		time.Sleep(time.Second)
		status, err := one.follow(t.Context(), t, ids[0])
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status, "the store does not know yet")
		for range 4 { // any calls of the store
			one.response(t, balancer.Hint{Account: "first"})
		}
		assert.Equal(t, []string{"affinity", "affinity back after 1s"}, said)
		for _, id := range ids {
			status, err := other.follow(t.Context(), t, id)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, status, "another program goes where it lives")
		}
	})
}
