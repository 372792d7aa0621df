package balancer_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
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

// TestWhyAnAccountIsPassedOver: each reason is told in words, with the time when it
// ends, if one is known.
func TestWhyAnAccountIsPassedOver(t *testing.T) {
	const (
		proxy  = "http://user:secret@10.0.0.1:8080"
		shown  = "http://user:***@10.0.0.1:8080"
		origin = "https://api.openai.com"
	)
	requests := quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Rolling(time.Hour)}
	cost := quota.Limit{Unit: quota.Cost, Max: 1_000_000_000, Window: quota.Rolling(time.Hour)}
	disabled := func(reason string) func(health.State) health.State {
		return func(s health.State) health.State { return health.Policy{}.Disable(s, reason, time.Now()) }
	}
	claimed := func(s health.State) health.State {
		s = health.Policy{Failures: 1, Rest: time.Nanosecond, Jitter: -1}.Apply(s, health.Outcome{Reason: "500"}, time.Now())
		s, _ = health.Policy{}.Claim(s, time.Now().Add(time.Millisecond))
		return s
	}
	tests := map[string]struct {
		change func(*balancer.Account)
		states map[health.Subject]func(health.State) health.State
		before int // requests that succeed first
		hold   bool
		hint   balancer.Hint
		says   string
		until  time.Duration // 0: nobody knows
	}{
		"disabled by configuration": {change: func(a *balancer.Account) { a.Disabled = true }, says: "main: disabled by configuration"},
		"group":                     {hint: balancer.Hint{Group: "gold"}, says: `no account available: no account is in the group "gold" (Hint.Group)`},
		"model":                     {change: func(a *balancer.Account) { a.Models = map[string]string{"gpt-4": ""} }, says: `no account available: no account serves the model "gpt-5": see Account.Models`},
		"operation":                 {change: func(a *balancer.Account) { a.Operations = []provider.OperationKind{provider.OpEmbeddings} }, says: "main: does not serve chat (it serves embeddings)"},
		"price":                     {change: func(a *balancer.Account) { a.Limits = []quota.Limit{cost} }, says: `main: has a limit of cost, and Config.Prices does not know the price of "gpt-5" at "openai"`},
		"schedule": {change: func(a *balancer.Account) {
			a.Schedule.Spans = []balancer.Span{{From: 9 * time.Hour, To: 17 * time.Hour}}
		}, says: "main: off duty by its schedule", until: 9 * time.Hour},
		"full in flight": {change: inFlight(1), before: 1, hold: true, says: "main: 1 request in flight, as many as its limit allows (set Config.MaxWait to wait for one)"},
		"quota used up": {change: func(a *balancer.Account) { a.Limits = []quota.Limit{requests} }, before: 1,
			says: `main: quota: "account/main" has no room: 1 request per 1h`, until: time.Hour},
		"resting for failures": {states: map[health.Subject]func(health.State) health.State{subject(health.KindAccount, "main"): failedOften()},
			says: `main: rests: 500`, until: 30 * time.Minute},
		"resting for a limit": {states: map[health.Subject]func(health.State) health.State{subject(health.KindAccount, "main"): limitedFor(10 * time.Minute)},
			says: `main: rests: slow down`, until: 10 * time.Minute},
		"resting proxy": {states: map[health.Subject]func(health.State) health.State{subject(health.KindProxy, shown): failedOften()},
			says: `main: proxy "` + shown + `" rests: 500`, until: 30 * time.Minute},
		"resting route": {states: map[health.Subject]func(health.State) health.State{subject(health.KindRoute, shown+" "+origin): failedOften()},
			says: `main: route "` + shown + " " + origin + `" rests: 500`, until: 30 * time.Minute},
		"resting provider": {states: map[health.Subject]func(health.State) health.State{subject(health.KindProvider, "openai "+origin): failedOften()},
			says: `main: provider "openai ` + origin + `" rests: 500`, until: 30 * time.Minute},
		"resting model": {states: map[health.Subject]func(health.State) health.State{subject(health.KindAccountModel, "main", "gpt-5"): limitedFor(time.Minute)},
			says: `main: account model "main" "gpt-5" rests: slow down`, until: time.Minute},
		"resting model of the provider": {states: map[health.Subject]func(health.State) health.State{subject(health.KindProviderModel, "openai "+origin, "gpt-5"): limitedFor(time.Minute)},
			says: `main: provider model "openai ` + origin + `" "gpt-5" rests: slow down`, until: time.Minute},
		"a person": {states: map[health.Subject]func(health.State) health.State{subject(health.KindAccount, "main"): disabled("too dear")},
			says: `main: disabled: too dear (Transport.Enable ends that)`},
		"a person, a proxy": {states: map[health.Subject]func(health.State) health.State{subject(health.KindProxy, shown): disabled("not paid")},
			says: `main: proxy "` + shown + `" is disabled: not paid (Transport.EnableSubject ends that)`},
		"a proxy that is tried": {states: map[health.Subject]func(health.State) health.State{subject(health.KindProxy, shown): claimed},
			says: `main: proxy "` + shown + `" is being tried by another request: 500`, until: time.Second},
		"being tried": {states: map[health.Subject]func(health.State) health.State{subject(health.KindAccount, "main"): claimed},
			says: `main: being tried by another request: 500`, until: time.Second},
		"another name":     {hint: balancer.Hint{Account: "ghost"}, says: "ghost: no account has that name"},
		"another provider": {hint: balancer.Hint{Account: "claude"}, says: "claude: its provider does not stand where the URL leads"},
		"the hint's is disabled": {change: func(a *balancer.Account) { a.Disabled = true }, hint: balancer.Hint{Account: "main"},
			says: "main: disabled by configuration"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				store := health.NewMemory(health.MemoryConfig{})
				a := account("main", func(a *balancer.Account) { a.Proxy = proxy })
				if tt.change != nil {
					tt.change(&a)
				}
				cfg := over(fake, a, balancer.Account{Name: "claude", Provider: provider.Anthropic, Secret: "x"})
				cfg.Health, cfg.NoLastResort = store, true
				prices, err := provider.NewPriceTable(nil)
				require.NoError(t, err)
				cfg.Prices = prices
				if len(tt.states) > 0 { // through a proxy of ours, so that it has a domain; nothing is sent
					cfg.RoundTripper = nil
				}
				start := time.Now()
				for s, f := range tt.states {
					put(t, store, s, f)
				}
				lb := newTransport(t, cfg)
				for s, f := range tt.states {
					if s.Model != "" { // those are learnt of when they fail
						require.NoError(t, lb.ClearRest(t.Context(), s))
						put(t, store, s, f)
						time.Sleep(1100 * time.Millisecond)
					}
				}
				time.Sleep(10 * time.Millisecond) // a rest of a nanosecond is over
				var open []*http.Response
				for range tt.before {
					resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
					require.NoError(t, err)
					if open = append(open, resp); !tt.hold {
						require.NoError(t, resp.Body.Close())
					}
				}
				_, _, err = send(balancer.WithHint(t.Context(), tt.hint), t, lb)
				var failure *balancer.Error
				require.ErrorAs(t, err, &failure)
				require.ErrorIs(t, err, balancer.ErrNoAccount)
				require.ErrorContains(t, err, tt.says)
				assert.Empty(t, failure.Attempts)
				if tt.until == 0 {
					assert.Zero(t, failure.RetryAt)
				} else {
					slack := 2*time.Second + tt.until/50 // a window's slot
					assert.WithinDuration(t, start.Add(tt.until), failure.RetryAt, slack)
					assert.ErrorContains(t, err, "try again at "+failure.RetryAt.Add(time.Second-1).UTC().Format(time.RFC3339), "not too early")
				}
				assertNoSecret(t, "the error", err.Error())
				assert.NotContains(t, err.Error(), "secret")
				for _, resp := range open {
					require.NoError(t, resp.Body.Close())
				}
			})
		})
	}
}

// TestNoAccountNamesAFewOfMany: and of whom the hint names, whatever its place.
func TestNoAccountNamesAFewOfMany(t *testing.T) {
	var accounts []balancer.Account
	for i := range 1000 {
		accounts = append(accounts, account(fmt.Sprint("a", i), func(a *balancer.Account) {
			a.Operations = []provider.OperationKind{provider.OpEmbeddings}
			a.Disabled = i >= 990
		}))
	}
	lb := newTransport(t, over(nil, accounts...))
	_, _, err := send(t.Context(), t, lb)
	require.ErrorContains(t, err, "a0: does not serve chat")
	require.ErrorContains(t, err, "a19: ")
	require.ErrorContains(t, err, "; and 980 more")
	assert.NotContains(t, err.Error(), "a20: ")
	_, _, err = send(balancer.WithHint(t.Context(), balancer.Hint{Account: "a700"}), t, lb)
	require.EqualError(t, err, `balancer: no account available: a700: does not serve chat (it serves embeddings)`)
	_, _, err = send(balancer.WithHint(t.Context(), balancer.Hint{Account: "a995"}), t, lb)
	require.ErrorContains(t, err, "a995: disabled by configuration")
}

// TestOfManyWhoProbeOneGoes: of many who come for a probe one gets it.
func TestOfManyWhoProbeOneGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Script(providertest.ServerError())
		cfg := over(fake, account("main"))
		cfg.Policy = health.Policy{Failures: 1, Rest: time.Minute, Jitter: -1}
		cfg.NoLastResort = true
		lb := newTransport(t, cfg)
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		fake.Always(providertest.OK().After(time.Second))
		time.Sleep(time.Minute)
		var (
			calls  sync.WaitGroup
			mu     sync.Mutex
			served int
		)
		for range 10 {
			calls.Go(func() {
				_, _, err := send(t.Context(), t, lb)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					served++
					return
				}
				assert.ErrorContains(t, err, "tried by another request")
			})
		}
		calls.Wait()
		assert.Equal(t, 1, served)
	})
}

// TestWhatNobodyServesIsToldOnce: whatever the number of accounts, and not where one of
// them would do.
func TestWhatNobodyServesIsToldOnce(t *testing.T) {
	const none = "balancer: no account available: "
	gold := func(a *balancer.Account) { a.Groups = []string{"gold"} }
	other := func(a *balancer.Account) { a.Models = map[string]string{"other-*": ""} }
	off := func(a *balancer.Account) { a.Disabled = true }
	tests := map[string]struct {
		accounts []balancer.Account
		group    string
		says     string
	}{
		"group":                 {[]balancer.Account{account("a"), account("b", gold), account("c", off)}, "zzz", none + `no account is in the group "zzz" (Hint.Group)`},
		"a long group":          {[]balancer.Account{account("a")}, strings.Repeat("z", 1000), none + `no account is in the group "` + strings.Repeat("z", 100) + `" (Hint.Group)`},
		"model":                 {[]balancer.Account{account("a", other), account("b", other, off)}, "", none + `no account serves the model "gpt-5": see Account.Models`},
		"model, in the group":   {[]balancer.Account{account("a"), account("b", other, gold)}, "gold", none + `no account of the group "gold" serves the model "gpt-5": see Account.Models`},
		"one that is disabled":  {[]balancer.Account{account("a", other), account("b", off)}, "", none + `a: does not serve the model "gpt-5"; b: disabled by configuration`},
		"the group is disabled": {[]balancer.Account{account("a"), account("b", gold, off)}, "gold", none + "a: not in the group asked for; b: disabled by configuration"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := send(balancer.WithHint(t.Context(), balancer.Hint{Group: tt.group}), t, newTransport(t, over(nil, tt.accounts...)))
			require.ErrorIs(t, err, balancer.ErrNoAccount)
			assert.EqualError(t, err, tt.says)
		})
	}
}

// TestWhoWaitsAndLeavesIsToldSo: for how long is the caller's to say.
func TestWhoWaitsAndLeavesIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := over(providertest.OpenAI(providertest.Config{}), account("only", inFlight(1)))
		cfg.MaxWait = time.Hour
		lb := newTransport(t, cfg)
		held := hold(t.Context(), t, lb)
		ctx, leave := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { leave(errBroken) })
		_, _, err := send(ctx, t, lb)
		require.ErrorIs(t, err, errBroken)
		assert.EqualError(t, err, "balancer: waiting for an account: broken on purpose")
		require.NoError(t, held.Body.Close())
	})
}
