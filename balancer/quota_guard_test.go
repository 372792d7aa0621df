package balancer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

// awayQuota is a store that can be away; what it says then names the key.
type awayQuota struct {
	*quota.Memory
	away atomic.Bool
}

func (s *awayQuota) Reserve(ctx context.Context, key string, l []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	if s.away.Load() {
		return quota.Reservation{}, fmt.Errorf("reserving for %q: %w", key, errBroken)
	}
	return s.Memory.Reserve(ctx, key, l, a, ttl)
}

func (s *awayQuota) Settle(ctx context.Context, r quota.Reservation, used quota.Amount) error {
	if s.away.Load() {
		return fmt.Errorf("settling for %q: %w", r.Key, errBroken)
	}
	return s.Memory.Settle(ctx, r, used)
}

// behindGuard is an account with limits whose quota store can be away, and the lines of
// its balancer's log.
func behindGuard(cfg *balancer.Config, g quota.GuardConfig) (store *awayQuota, lines func() []string) {
	store = &awayQuota{Memory: quota.NewMemory(quota.MemoryConfig{})}
	cfg.Quota = quota.NewGuard(struct {
		quota.Store
	}{store}, g)
	var mu sync.Mutex
	var text bytes.Buffer
	cfg.Logger = slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return text.Write(p)
	}), &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	return store, func() []string {
		mu.Lock()
		defer mu.Unlock()
		var found []string
		for line := range strings.Lines(text.String()) {
			if strings.Contains(line, "Store ") {
				found = append(found, strings.TrimSpace(line))
			}
		}
		text.Reset()
		return found
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestABrokenQuotaStoreIsToldOnce has requests refused for want of the store: each says so,
// and when to come back, and the log says it once.
func TestABrokenQuotaStoreIsToldOnce(t *testing.T) {
	ways := map[string]func(*balancer.Config){
		"an account's limits": func(c *balancer.Config) { c.Accounts[0].Limits = plenty },
		"Admit's limits": func(c *balancer.Config) {
			c.Admit = func(context.Context, *balancer.Request) ([]quota.Charge, error) {
				return []quota.Charge{{Key: "tenant/acme", Limits: plenty}}, nil
			}
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				cfg := over(fake, account("main"))
				way(&cfg)
				store, lines := behindGuard(&cfg, quota.GuardConfig{})
				hooked := 0
				cfg.Hooks.StoreError = func(_ context.Context, store string, err error) {
					assert.Equal(t, "quota", store)
					assert.ErrorIs(t, err, errBroken)
					hooked++
				}
				var back []time.Duration
				cfg.Hooks.StoreBack = func(_ context.Context, store string, after time.Duration) { back = append(back, after) }
				lb := newTransport(t, cfg)
				store.away.Store(true)
				retryAt := time.Now().Add(time.Second)
				for i := range 5 {
					_, _, err := send(t.Context(), t, lb)
					require.ErrorIs(t, err, quota.ErrUnavailable)
					assert.Equal(t, i == 0, errors.Is(err, errBroken), "the cause is for him who asked")
					var failure *balancer.Error
					require.ErrorAs(t, err, &failure)
					assert.True(t, failure.RetryAt.Equal(retryAt), "%v", failure.RetryAt)
				}
				assert.Equal(t, 1, hooked)
				said := lines()
				require.Len(t, said, 1)
				assert.Contains(t, said[0], `level=ERROR msg="Store failed" store=quota error="calls are refused meanwhile: reserving for`)
				assert.Zero(t, fake.Count())

				time.Sleep(time.Second)
				store.away.Store(false)
				_, _, err := send(t.Context(), t, lb)
				require.NoError(t, err)
				assert.Equal(t, []string{`level=INFO msg="Store is back" store=quota after=1s`}, lines())
				assert.Equal(t, []time.Duration{time.Second}, back)

				require.NoError(t, lb.Close())
				store.away.Store(true)
				_, err = cfg.Quota.Reserve(t.Context(), "a", plenty, quota.Amount{}, time.Minute)
				require.ErrorIs(t, err, quota.ErrUnavailable)
				assert.Empty(t, lines(), "one that is closed hears no more")
			})
		})
	}
}

// TestAnOpenGuardIsLogged has nothing set but the Guard's policy: that limits may be
// overspent is said all the same.
func TestAnOpenGuardIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := []quota.Limit{{Unit: quota.Requests, Max: 1, Window: quota.Total()}}
		cfg := over(providertest.OpenAI(providertest.Config{}), account("main", limits(one...)))
		store, lines := behindGuard(&cfg, quota.GuardConfig{Open: true})
		lb := newTransport(t, cfg)
		store.away.Store(true)
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		said := lines()
		require.Len(t, said, 1)
		assert.Contains(t, said[0], "each process counts alone meanwhile, and together they may admit more than the limits allow")
		_, _, err = send(t.Context(), t, lb)
		require.ErrorIs(t, err, balancer.ErrNoAccount)
		assert.ErrorContains(t, err, "by the count of this process alone")
		assert.Empty(t, lines())
	})
}
