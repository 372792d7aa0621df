package balancer_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
)

// withKey is so many accounts with keys of their own.
func withKey(n int, key string) []balancer.Account {
	accounts := many(n)
	for i := range accounts {
		accounts[i].Secret = fmt.Sprint(key, i)
	}
	return accounts
}

// disabledForGood is the state of an account whose key was refused for good.
func disabledForGood(s health.State) health.State {
	return health.Policy{}.Apply(s, health.Outcome{Kind: health.OutcomeDisable, Permanent: true, Reason: "revoked"}, time.Now())
}

// TestSetAccountsWithAMuteStore: it keeps SetAccounts, and whoever else changes the
// accounts, for a while, not for ever, and the accounts are the new ones at once.
func TestSetAccountsWithAMuteStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, withKey(20, "old")...)
		var told atomic.Int64
		cfg.Hooks.StoreError = func(context.Context, string, error) { told.Add(1) }
		cfg.Health = muteFor{health.NewMemory(health.MemoryConfig{}), func(health.Subject) bool { return true }}
		lb := newTransport(t, cfg)
		var changes sync.WaitGroup
		start := time.Now()
		for i := range 5 {
			changes.Go(func() {
				assert.NoError(t, lb.SetAccounts(withKey(20, fmt.Sprint("key", i))))
				assert.LessOrEqual(t, time.Since(start), 5*time.Second)
			})
		}
		synctest.Wait()
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.Zero(t, time.Since(start))
		assert.NotContains(t, keysSeen(fake)[0], "old")
		changes.Wait()
		assert.NotZero(t, told.Load())
		assert.LessOrEqual(t, told.Load(), int64(5*8), "once it is clear that the store is mute it is left alone")
	})
}

// TestSetAccountsEnablesPastAMuteSubject: accounts that the store knows are enabled when
// SetAccounts returns, also where it is mute for another.
func TestSetAccountsEnablesPastAMuteSubject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := health.NewMemory(health.MemoryConfig{})
		for i := range 100 {
			put(t, memory, subject(health.KindAccount, fmt.Sprint("a", i)), disabledForGood)
		}
		cfg := over(providertest.OpenAI(providertest.Config{}), withKey(100, "old")...)
		cfg.Health = muteFor{memory, func(s health.Subject) bool { return s.Name == "a3" }}
		lb := newTransport(t, cfg)
		time.Sleep(time.Second)
		require.NoError(t, lb.SetAccounts(withKey(100, "new")))
		for i, a := range snapshotOf(t, lb).Accounts {
			if i == 3 {
				assert.Equal(t, "disabled", a.State)
			} else {
				assert.Equal(t, "closed", a.State, a.Name)
			}
		}
	})
}

// slowFor is a store that takes its time over some Updates.
type slowFor struct {
	health.Store
	slow func() time.Duration
}

func (l slowFor) Update(ctx context.Context, s health.Subject, f func(health.State) health.State) (health.State, error) {
	select {
	case <-time.After(l.slow()):
		return l.Store.Update(ctx, s, f)
	case <-ctx.Done():
		return health.State{}, ctx.Err()
	}
}

// TestALateChangeEnablesNoNewerCredential: the key that came with a change which the
// store is slow about is no longer the account's.
func TestALateChangeEnablesNoNewerCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := health.NewMemory(health.MemoryConfig{})
		cfg := over(providertest.OpenAI(providertest.Config{}), withKey(1, "old")...)
		takes := []time.Duration{3 * time.Second, 0, 0, 0}
		cfg.Health = slowFor{memory, func() time.Duration {
			d := takes[0]
			takes = takes[1:]
			return d
		}}
		lb := newTransport(t, cfg)
		var change sync.WaitGroup
		change.Go(func() { assert.NoError(t, lb.SetAccounts(withKey(1, "late"))) })
		synctest.Wait()
		require.NoError(t, lb.SetAccounts(withKey(1, "new")))
		time.Sleep(time.Second)
		put(t, memory, subject(health.KindAccount, "a0"), disabledForGood)
		change.Wait()
		time.Sleep(2 * time.Second)
		assert.Equal(t, "disabled", snapshotOf(t, lb).Accounts[0].State)
	})
}
