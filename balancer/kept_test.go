package balancer_test

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

// An account that is full for a while is left for this time only, whoever found that out.
func TestAFullAccountKeepsItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		twice := limits(quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Rolling(time.Minute)})
		lb := newTransport(t, over(providertest.OpenAI(providertest.Config{}), account("a", twice), account("b"), account("c")))
		ask := func(ctx context.Context) { _, _, err := send(ctx, t, lb); require.NoError(t, err) }
		in := func(s string) context.Context { return balancer.WithHint(t.Context(), balancer.Hint{Session: s}) }
		name := ""
		for _, s := range strings.Split("pqrstuvwxyz", "") { // one whose account is a
			time.Sleep(time.Millisecond)
			ask(in(s))
			if lb.Sessions(1)[0].Account == "a" {
				name = s
				break
			}
		}
		require.NotEmpty(t, name)
		for n := range 3 {
			time.Sleep(time.Second)
			ask(in(name))
			assert.Equal(t, "a", lb.Sessions(1)[0].Account, "after %d more", n+1)
		}
	})
}

// A good answer elsewhere says nothing about the failures of the account's own place.
func TestAGoodAnswerElsewhereDoesNotEndARestForFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := billed(unreachable, inMemory{answers(200, `{}`)})
		probes := cfg.HealthChecks.Probes
		cfg.HealthChecks.Probes = func(name string, p *provider.Provider) []provider.Probe { return probes(name, p)[1:] }
		cfg.Health = health.NewMemory(health.MemoryConfig{})
		put(t, cfg.Health, subject(health.KindAccount, "main"), failedOften())
		lb := newTransport(t, cfg)
		before := snapshotOf(t, lb).Accounts[0]
		time.Sleep(20 * time.Minute)
		after := snapshotOf(t, lb).Accounts[0]
		assert.Equal(t, before.State, after.State)
	})
}

// deafHealth is a health store that fails when it is told.
type deafHealth struct {
	health.Store
	broken atomic.Bool
}

func (s *deafHealth) Update(ctx context.Context, subject health.Subject, f func(health.State) health.State) (health.State, error) {
	if s.broken.Load() {
		return health.State{}, io.ErrUnexpectedEOF
	}
	return s.Store.Update(ctx, subject, f)
}

// The accounts that the error names are as they were.
func TestResetErrorsThatFails(t *testing.T) {
	store := &deafHealth{Store: health.NewMemory(health.MemoryConfig{})}
	cfg := each([]balancer.Account{account("a")}, failed(0))
	cfg.Health, cfg.MaxAttempts = store, 1
	lb := newTransport(t, cfg)
	_, _, _ = send(t.Context(), t, lb)
	before := snapshotOf(t, lb).Accounts[0]
	require.NotZero(t, before.Failed)
	store.broken.Store(true)
	require.Error(t, lb.ResetErrors(t.Context(), false, "a"))
	assert.Equal(t, before.Failed, snapshotOf(t, lb).Accounts[0].Failed)
}
