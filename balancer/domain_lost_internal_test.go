package balancer

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
)

// forgetful is a health store that has lost its last writes, as a replica that took over:
// of accounts it knows what it is given.
type forgetful struct {
	health.Store
	knows atomic.Pointer[health.State]
	asked atomic.Int64
	while func() // called while it is asked; nil: nothing happens
}

func (s *forgetful) Update(ctx context.Context, subject health.Subject, f func(health.State) health.State) (health.State, error) {
	old := s.knows.Load()
	if old == nil || subject.Kind != health.KindAccount {
		return s.Store.Update(ctx, subject, f)
	}
	s.asked.Add(1)
	if s.while != nil {
		s.while()
	}
	next := f(*old)
	s.knows.Store(&next)
	return next, nil
}

// forgot has a store by which the only account rests for another minute, while it is known
// here to be tried by now.
func forgot(t *testing.T, wait time.Duration) (*Transport, *forgetful) {
	t.Helper()
	store := &forgetful{Store: health.NewMemory(health.MemoryConfig{})}
	lb, err := New(Config{Accounts: []Account{named("only", nil)}, RoundTripper: answering, Health: store, HealthRefresh: -1, MaxWait: wait, NoLastResort: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lb.Close()) })
	fails := func(s health.State, rest time.Duration) health.State {
		return health.Policy{Failures: 1, Rest: rest, Jitter: -1}.Apply(s, health.Outcome{Kind: health.OutcomeFailure}, time.Now())
	}
	old := fails(health.State{}, time.Minute)
	time.Sleep(time.Second)
	only := lb.fleet.Load().members[0].domains[0]
	require.NoError(t, lb.update(t.Context(), only, func(s health.State) health.State { return fails(s, time.Millisecond) }))
	time.Sleep(time.Second)
	store.knows.Store(&old)
	return lb, store
}

// TestAStoreThatLostItsLastWritesIsBelieved: by what it knows the account rests, so that it
// refuses the probe; it is not asked again until that is over.
func TestAStoreThatLostItsLastWritesIsBelieved(t *testing.T) {
	quiet(t, func(t *testing.T) {
		lb, store := forgot(t, time.Hour)
		assert.Equal(t, 58*time.Second, <-queued(t, lb, "gpt-5"))
		assert.LessOrEqual(t, store.asked.Load(), int64(4), "refused, claimed, and told of the success")
	})
}

// TestWhatIsKnownSinceIsNotLost: what came while the store was asked is newer than what it
// said.
func TestWhatIsKnownSinceIsNotLost(t *testing.T) {
	quiet(t, func(t *testing.T) {
		lb, store := forgot(t, 0)
		d := lb.fleet.Load().members[0].domains[0]
		disabled := health.Policy{}.Disable(d.known(), "revoked", time.Now())
		store.while = func() { d.learn(disabled, time.Now()) }
		require.NoError(t, lb.update(t.Context(), d, func(s health.State) health.State { return s }))
		assert.Equal(t, disabled, d.known())
	})
}

// TestWhoWaitsHearsWhatAStoreHasLost: it knows nothing of a rest any more.
func TestWhoWaitsHearsWhatAStoreHasLost(t *testing.T) {
	quiet(t, func(t *testing.T) {
		lb, store := forgot(t, time.Hour)
		d := lb.fleet.Load().members[0].domains[0]
		well := health.State{Version: 1}
		store.knows.Store(nil)
		require.NoError(t, lb.update(t.Context(), d, func(health.State) health.State { return resting(time.Minute) }))
		took := queued(t, lb, "gpt-5")
		store.knows.Store(&well)
		time.Sleep(time.Second)
		require.NoError(t, lb.ResetErrors(t.Context(), false, "only"))
		assert.Equal(t, time.Second, <-took)
	})
}

// contradicting is a health store by which the account may be tried, but never by whoever
// asks for that.
type contradicting struct {
	health.Store
	on    atomic.Bool
	asked atomic.Int64
}

func (s *contradicting) Update(ctx context.Context, subject health.Subject, f func(health.State) health.State) (health.State, error) {
	if !s.on.Load() {
		return s.Store.Update(ctx, subject, f)
	}
	s.asked.Add(1)
	f(resting(time.Minute))
	states, err := s.Load(ctx, []health.Subject{subject})
	return states[0], err
}

// TestWhoWaitsIsQuietOverAStoreThatContradictsItself: it is asked less and less often, and
// in vain no longer than Config.MaxWait, or than the caller waits.
func TestWhoWaitsIsQuietOverAStoreThatContradictsItself(t *testing.T) {
	for name, patience := range map[string]time.Duration{"MaxWait": time.Hour, "the caller": 10*time.Second + 50*time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			quiet(t, func(t *testing.T) {
				store := &contradicting{Store: health.NewMemory(health.MemoryConfig{})}
				lb, err := New(Config{Accounts: []Account{named("only", nil)}, RoundTripper: answering, Health: store, HealthRefresh: -1, MaxWait: 20 * time.Second})
				require.NoError(t, err)
				defer func() { require.NoError(t, lb.Close()) }()
				fails := func(s health.State) health.State {
					return health.Policy{Failures: 1, Rest: time.Second, Jitter: -1}.Apply(s, health.Outcome{Kind: health.OutcomeFailure}, time.Now())
				}
				require.NoError(t, lb.update(t.Context(), lb.fleet.Load().members[0].domains[0], fails))
				time.Sleep(time.Second)
				store.on.Store(true)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				start := time.Now()
				_, err = chatted(ctx, t, lb, "gpt-5")
				require.Error(t, err)
				want := min(patience, 20*time.Second)
				assert.Equal(t, want, time.Since(start))
				assert.InDelta(t, want/longPause, store.asked.Load(), 15)
			})
		})
	}
}
