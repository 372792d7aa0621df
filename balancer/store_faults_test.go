package balancer_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

// panicking are stores that panic once.
type panickingQuota struct {
	quota.Store
	boom atomic.Bool
}

func (s *panickingQuota) Reserve(ctx context.Context, key string, l []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	if s.boom.CompareAndSwap(true, false) {
		panic("on purpose")
	}
	return s.Store.Reserve(ctx, key, l, a, ttl)
}

func TestAPanickingQuotaStoreLeaksNoSlot(t *testing.T) {
	store := &panickingQuota{Store: quota.NewMemory(quota.MemoryConfig{})}
	cfg := over(providertest.OpenAI(providertest.Config{}), account("main", oneAtATime))
	cfg.Quota = store
	lb := newTransport(t, cfg)
	store.boom.Store(true)
	assert.Panics(t, func() { _, _, _ = send(t.Context(), t, lb) })
	s, err := lb.Snapshot(t.Context())
	require.NoError(t, err)
	assert.Zero(t, s.Accounts[0].InFlight)
	_, _, err = send(t.Context(), t, lb)
	assert.NoError(t, err)
}

type panickingHealth struct {
	health.Store
	boom atomic.Bool
}

func (s *panickingHealth) Update(ctx context.Context, k health.Subject, f func(health.State) health.State) (health.State, error) {
	if s.boom.CompareAndSwap(true, false) {
		panic("on purpose")
	}
	return s.Store.Update(ctx, k, f)
}

func TestAPanickingHealthStoreLeaksNoSlot(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	fake.Script(providertest.ServerError())
	store := &panickingHealth{Store: health.NewMemory(health.MemoryConfig{})}
	cfg := over(fake, account("main", oneAtATime))
	cfg.Health, cfg.HealthRefresh = store, -1
	lb := newTransport(t, cfg)
	store.boom.Store(true)
	assert.Panics(t, func() { _, _, _ = send(t.Context(), t, lb) })
	s, err := lb.Snapshot(t.Context())
	require.NoError(t, err)
	assert.Zero(t, s.Accounts[0].InFlight)
	_, _, err = send(t.Context(), t, lb)
	assert.NoError(t, err)
}

// counting counts what is reserved.
type counting struct {
	quota.Store
	n atomic.Int64
}

func (s *counting) Reserve(ctx context.Context, key string, l []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	s.n.Add(1)
	return s.Store.Reserve(ctx, key, l, a, ttl)
}

// fickle is a quota store that fails for one account, and has the other full for others.
type fickle struct {
	quota.Store
	calls atomic.Int64
	down  atomic.Bool
}

func (s *fickle) Reserve(ctx context.Context, key string, l []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	s.calls.Add(1)
	switch {
	case !s.down.Load():
		return s.Store.Reserve(ctx, key, l, a, ttl)
	case key == "account/first":
		return quota.Reservation{}, &quota.ExceededError{Limit: quota.Limit{Unit: quota.InFlight, Max: 1}}
	default:
		return quota.Reservation{}, errBroken
	}
}

// While a request waits in line, the quota store fails once.
func TestAQuotaStoreThatFailsOnceIsNoBusyLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := &fickle{Store: quota.NewMemory(quota.MemoryConfig{})}
		broken.down.Store(true)
		store := &counting{Store: broken}
		ten := limits(quota.Limit{Unit: quota.InFlight, Max: 10})
		cfg := over(providertest.OpenAI(providertest.Config{}), account("first", priority(1), ten), account("second", priority(2), ten))
		cfg.Quota, cfg.MaxWait = store, 2*time.Second
		lb := newTransport(t, cfg)
		time.AfterFunc(100*time.Millisecond, func() { broken.down.Store(false) })
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err, "the store was there again after 0.1 s, and the request could wait for 2 s")
		assert.Less(t, store.n.Load(), int64(20), "asked in vain")
	})
}

// stuckQuota waits for its context.
type stuckQuota struct{ quota.Store }

func (stuckQuota) Reserve(ctx context.Context, _ string, _ []quota.Limit, _ quota.Amount, _ time.Duration) (quota.Reservation, error) {
	<-ctx.Done()
	return quota.Reservation{}, ctx.Err()
}

func TestTheDeadlineBoundsTheStoresToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := over(providertest.OpenAI(providertest.Config{}), account("main", oneAtATime))
		cfg.Quota, cfg.Deadline = stuckQuota{quota.NewMemory(quota.MemoryConfig{})}, 5*time.Second
		lb := newTransport(t, cfg)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // or it would never end
		defer cancel()
		start := time.Now()
		_, _, err := send(ctx, t, lb)
		require.Error(t, err)
		assert.LessOrEqual(t, time.Since(start), 6*time.Second)
	})
}

// cutOff is a quota store behind a network: the caller goes while the answer is on its
// way, but what was asked for has happened.
type cutOff struct {
	quota.Store
	asked chan struct{}
}

func (s *cutOff) Reserve(ctx context.Context, key string, l []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	r, err := s.Store.Reserve(ctx, key, l, a, ttl)
	if s.asked != nil {
		close(s.asked)
		select {
		case <-ctx.Done():
			return quota.Reservation{}, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return r, err
}

func TestACallerWhoGoesWhileQuotaIsReservedLeaksNothing(t *testing.T) {
	store := &cutOff{Store: quota.NewMemory(quota.MemoryConfig{}), asked: make(chan struct{})}
	cfg := over(providertest.OpenAI(providertest.Config{}), account("main", oneAtATime))
	cfg.Quota = store
	lb := newTransport(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-store.asked; cancel() }()
	_, _, err := send(ctx, t, lb)
	require.ErrorIs(t, err, context.Canceled)
	store.asked = nil
	time.Sleep(400 * time.Millisecond)
	_, _, err = send(t.Context(), t, lb)
	assert.NoError(t, err, "nobody uses the account; the reservation lives on for half an hour")
}

// hangsOnce is a health store whose connection hangs once, while it is read.
type hangsOnce struct {
	health.Store
	loads atomic.Int64
}

func (s *hangsOnce) Load(ctx context.Context, k []health.Subject) ([]health.State, error) {
	if s.loads.Add(1) == 2 { // the first is New's
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Store.Load(ctx, k)
}

func TestTheRefreshOutlivesAReadThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hangsOnce{Store: health.NewMemory(health.MemoryConfig{})}
		cfg := over(providertest.OpenAI(providertest.Config{}), account("main"))
		cfg.Health = store
		newTransport(t, cfg)
		time.Sleep(time.Minute)
		assert.Greater(t, store.loads.Load(), int64(5), "reads within a minute")
	})
}
