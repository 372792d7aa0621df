package balancer_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
)

func subject(kind health.Kind, name string, model ...string) health.Subject {
	s := health.Subject{Kind: kind, Name: name}
	for _, m := range model {
		s.Model = m
	}
	return s
}

// put sets a state in a store, as if another program had found it out.
func put(t *testing.T, store health.Store, s health.Subject, f func(health.State) health.State) {
	t.Helper()
	_, err := store.Update(t.Context(), s, f)
	require.NoError(t, err)
}

// failedOften is a state after five failures.
func failedOften() func(health.State) health.State {
	return func(s health.State) health.State {
		for range 5 {
			s = health.Policy{Jitter: -1, Rest: time.Hour}.Apply(s, health.Outcome{Reason: "500"}, time.Now())
		}
		return s
	}
}

func limitedFor(d time.Duration) func(health.State) health.State {
	return func(s health.State) health.State {
		return health.Policy{Jitter: -1}.Apply(s, health.Outcome{Kind: health.OutcomeRest, Until: time.Now().Add(d), Reason: "slow down"}, time.Now())
	}
}

func TestAPersonDisablesAndEnables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		accounts := twoAccounts()
		lb := newTransport(t, over(fake, accounts...))
		require.NoError(t, lb.Disable(t.Context(), "first", "too dear"))
		for range 3 {
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
		}
		assert.Zero(t, fake.CountFor("key-first"))
		s := snapshotOf(t, lb).Accounts[0]
		assert.Equal(t, "disabled", s.State)
		assert.Equal(t, "person", s.Cause)
		assert.Equal(t, "too dear", s.Reason)
		assert.False(t, s.Ready)
		assert.Contains(t, s.NotReady, "too dear")
		assert.Zero(t, s.ReadyAt)
		assert.False(t, s.Disabled, "the configuration does not")

		accounts[0].Secret = "key-another"
		require.NoError(t, lb.SetAccounts(accounts))
		assert.Equal(t, "disabled", snapshotOf(t, lb).Accounts[0].State, "a new credential does not end it")
		require.NoError(t, lb.ClearRest(t.Context(), subject(health.KindAccount, "first")))
		assert.Equal(t, "disabled", snapshotOf(t, lb).Accounts[0].State, "it is no rest")
		require.NoError(t, lb.ResetErrors(t.Context(), true))
		require.NoError(t, lb.ResetErrors(t.Context(), true, "first"))
		assert.Equal(t, "disabled", snapshotOf(t, lb).Accounts[0].State, "nor errors")

		require.NoError(t, lb.Enable(t.Context(), "first"))
		assert.True(t, snapshotOf(t, lb).Accounts[0].Ready)
		time.Sleep(time.Minute)
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.Equal(t, 1, fake.CountFor("key-another"))
	})
}

// TestDisableReachesAllPrograms: and those who wait for an account are served as soon
// as it is enabled.
func TestDisableReachesAllPrograms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		store := health.NewMemory(health.MemoryConfig{})
		cfg := over(fake, account("main"))
		cfg.Health = store
		here, there := newTransport(t, cfg), newTransport(t, cfg)
		require.NoError(t, here.Disable(t.Context(), "main", "maintenance"))
		time.Sleep(1100 * time.Millisecond)
		_, _, err := send(t.Context(), t, there)
		require.ErrorContains(t, err, "maintenance")
		require.NoError(t, there.Enable(t.Context(), "main"))
		time.Sleep(1100 * time.Millisecond)
		_, _, err = send(t.Context(), t, here)
		require.NoError(t, err)
	})
}

func TestClearRest(t *testing.T) {
	origin := "https://api.openai.com"
	const model = "gpt-5"
	subjects := map[string]health.Subject{
		"account":       subject(health.KindAccount, "main"),
		"account model": subject(health.KindAccountModel, "main", model),
		"provider":      subject(health.KindProvider, "openai "+origin),
		"its model":     subject(health.KindProviderModel, "openai "+origin, model),
		"proxy":         subject(health.KindProxy, "http://user:***@10.0.0.1:8080"),
		"route":         subject(health.KindRoute, "http://user:***@10.0.0.1:8080 "+origin),
	}
	states := map[string]func(health.State) health.State{"failures": failedOften(), "a limit": limitedFor(time.Hour)}
	for name, s := range subjects {
		for why, state := range states {
			t.Run(name+", for "+why, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := health.NewMemory(health.MemoryConfig{})
					cfg := balancer.Config{Health: store, NoLastResort: true, Accounts: []balancer.Account{account("main", func(a *balancer.Account) {
						a.Proxy = "http://user:secret@10.0.0.1:8080"
					})}}
					lb := newTransport(t, cfg)
					put(t, store, s, state)
					if s.Model != "" { // a domain that this program has not met
						require.NoError(t, lb.ClearRest(t.Context(), s))
						put(t, store, s, state)
					}
					time.Sleep(1100 * time.Millisecond)
					_, _, err := send(t.Context(), t, lb)
					require.ErrorIs(t, err, balancer.ErrNoAccount)
					require.ErrorContains(t, err, "rests: ")

					require.NoError(t, lb.ClearRest(t.Context(), s))
					states, err := store.Load(t.Context(), []health.Subject{s})
					require.NoError(t, err)
					assert.Equal(t, health.PhaseClosed, states[0].Phase(time.Now()))

					require.NoError(t, lb.DisableSubject(t.Context(), s, "not today"))
					_, _, err = send(t.Context(), t, lb)
					require.ErrorContains(t, err, "disabled: not today (Transport.Enable")
					require.NoError(t, lb.EnableSubject(t.Context(), s))
					snapshot := snapshotOf(t, lb)
					assert.True(t, snapshot.Accounts[0].Ready)
					assert.Empty(t, snapshot.Models)
					assert.Empty(t, snapshot.Accounts[0].Models)
				})
			})
		}
	}
}

func TestWhoeverIsNotThereCannotBeChanged(t *testing.T) {
	lb := newTransport(t, over(nil, account("main")))
	ctx := t.Context()
	tests := map[string]struct {
		err  error
		says string
	}{
		"Enable":           {lb.Enable(ctx, "ghost"), `balancer: Enable: no account is named "ghost"`},
		"Disable":          {lb.Disable(ctx, "ghost", "x"), `balancer: Disable: no account is named "ghost"`},
		"ResetErrors":      {lb.ResetErrors(ctx, false, "main", "ghost"), `no account is named "ghost"`},
		"model of nobody":  {lb.ClearRest(ctx, subject(health.KindAccountModel, "ghost", "m")), `no account is named "ghost"`},
		"no model":         {lb.ClearRest(ctx, subject(health.KindAccountModel, "main")), "a Model belongs to the kinds of models"},
		"a model too many": {lb.ClearRest(ctx, subject(health.KindAccount, "main", "m")), "a Model belongs to the kinds of models"},
		"proxy":            {lb.DisableSubject(ctx, subject(health.KindProxy, "http://10.0.0.1:1"), "x"), `no account needs the proxy "http://10.0.0.1:1"`},
		"no kind":          {lb.EnableSubject(ctx, health.Subject{Name: "main"}), "no account needs the unknown"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { require.ErrorContains(t, tt.err, tt.says) })
	}
	broken := over(nil, account("main"))
	broken.Health = brokenHealth{}
	lb = newTransport(t, broken)
	require.ErrorIs(t, lb.Enable(ctx, "main"), balancer.ErrStoreBroken)
	require.ErrorIs(t, lb.Disable(ctx, "main", ""), balancer.ErrStoreBroken)
	require.ErrorIs(t, lb.ResetErrors(ctx, true, "main"), balancer.ErrStoreBroken)
	require.ErrorIs(t, lb.ClearRest(ctx, subject(health.KindAccount, "main")), balancer.ErrStoreBroken)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	lb = newTransport(t, over(nil, account("main")))
	require.ErrorIs(t, lb.Disable(ended, "main", ""), context.Canceled)
}

func TestResetErrors(t *testing.T) {
	tests := map[string]struct {
		enable   bool
		accounts []string
		want     map[string]string // state, and whether errors are left
	}{
		"one":                  {false, []string{"a"}, map[string]string{"a": "open", "b": "open with errors", "c": "closed with errors", "d": "disabled with errors"}},
		"all":                  {false, nil, map[string]string{"a": "open", "b": "open", "c": "closed", "d": "disabled"}},
		"one, enabling it":     {true, []string{"d"}, map[string]string{"a": "open with errors", "b": "open with errors", "c": "closed with errors", "d": "closed"}},
		"all, enabling them":   {true, nil, map[string]string{"a": "closed", "b": "closed", "c": "closed", "d": "closed"}},
		"two, and one of them": {true, []string{"a", "c", "a"}, map[string]string{"a": "closed", "b": "open with errors", "c": "closed", "d": "disabled with errors"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				fake.Always(providertest.ServerError())
				cfg := over(fake, account("a"), account("b"), account("c"), account("d", func(a *balancer.Account) {
					a.Health = &health.Policy{DisableAfter: 3}
				}))
				cfg.MaxAttempts, cfg.NoLastResort = 1, true
				lb := newTransport(t, cfg)
				for name, n := range map[string]int{"a": 5, "b": 5, "c": 2, "d": 3} {
					for range n {
						_, _, err := send(balancer.WithHint(t.Context(), balancer.Hint{Account: name}), t, lb)
						require.NoError(t, err)
					}
				}
				require.NoError(t, lb.ResetErrors(t.Context(), tt.enable, tt.accounts...))
				got := map[string]string{}
				for _, a := range snapshotOf(t, lb).Accounts {
					got[a.Name] = a.State
					if a.Failures > 0 || a.Failed > 0 {
						got[a.Name] += " with errors"
					}
					assert.NotEmpty(t, a.LastErrors, "what happened is still told")
				}
				assert.Equal(t, tt.want, got)
			})
		})
	}
}

// TestEnablingAWayWakesItsAccounts: its accounts are chosen again at once, also
// those that were set aside.
func TestEnablingAWayWakesItsAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		lb := newTransport(t, over(fake, account("a"), account("b")))
		s := subject(health.KindProvider, "openai https://api.openai.com")
		require.NoError(t, lb.DisableSubject(t.Context(), s, "an incident"))
		for range 3 {
			_, _, err := send(t.Context(), t, lb)
			require.ErrorContains(t, err, "an incident")
		}
		require.NoError(t, lb.EnableSubject(t.Context(), s))
		status, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status)
		require.Len(t, snapshotOf(t, lb).Providers, 1)
		assert.Equal(t, s, snapshotOf(t, lb).Providers[0].Subject)
	})
}

// Most rate limits rest one model of an account: enabling the account ends that too, but
// not what a person has disabled.
func TestEnablingAnAccountEnablesItsModels(t *testing.T) {
	main := subject(health.KindAccount, "main")
	for name, enable := range map[string]func(*balancer.Transport) error{
		"Enable":      func(lb *balancer.Transport) error { return lb.Enable(t.Context(), "main") },
		"ClearRest":   func(lb *balancer.Transport) error { return lb.ClearRest(t.Context(), main) },
		"ResetErrors": func(lb *balancer.Transport) error { return lb.ResetErrors(t.Context(), true) },
	} {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			fake.Script(providertest.RateLimited(time.Hour))
			lb := newTransport(t, over(fake, account("main")))
			status, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
			require.Equal(t, http.StatusTooManyRequests, status)
			other := health.Subject{Kind: health.KindAccountModel, Name: "main", Model: "o3"}
			require.NoError(t, lb.DisableSubject(t.Context(), other, "too expensive"))
			require.NoError(t, enable(lb))
			status, _, err = send(t.Context(), t, lb)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, status)
			models := snapshotOf(t, lb).Accounts[0].Models
			require.Len(t, models, 1)
			assert.Equal(t, "o3", models[0].Model)
		})
	}
}
