package balancer_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
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
	"github.com/aitransport/aitransport/transport"
)

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// checked is a configuration over a fake with health checks.
func checked(h http.Handler, accounts ...balancer.Account) balancer.Config {
	cfg := over(h, accounts...)
	cfg.HealthChecks.Enabled = true
	return cfg
}

func snapshotOf(t *testing.T, lb *balancer.Transport) balancer.Snapshot {
	t.Helper()
	s, err := lb.Snapshot(t.Context())
	require.NoError(t, err)
	return s
}

func TestHealthChecksAreOffByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		lb := newTransport(t, over(fake, account("main")))
		time.Sleep(24 * time.Hour)
		assert.Zero(t, fake.Count())
		assert.Nil(t, snapshotOf(t, lb).Accounts[0].LastCheck)
	})
}

func TestHealthChecksAskIdleAccountsOnceAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		var log lockedBuffer
		cfg := checked(fake, account("a"), account("b"), account("c"), account("off", func(a *balancer.Account) { a.Disabled = true }),
			account("night", func(a *balancer.Account) {
				a.Schedule.Spans = []balancer.Span{{Days: []time.Weekday{time.Now().AddDate(0, 0, 3).UTC().Weekday()}, From: 0, To: time.Hour}}
			}))
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		lb := newTransport(t, cfg)
		var at []time.Time
		began := time.Now()
		for range 10 * 300 { // ten intervals
			time.Sleep(time.Second)
			for len(at) < fake.Count() {
				at = append(at, time.Now())
			}
		}
		counts := map[string]int{}
		for _, key := range keysSeen(fake) {
			counts[key]++
		}
		assert.Equal(t, map[string]int{"a": 10, "b": 10, "c": 10}, counts)
		for _, h := range fake.Hits() {
			assert.Equal(t, "models.list", h.Operation, "what uses no tokens")
		}
		for i := 1; i < len(at); i++ {
			assert.GreaterOrEqual(t, at[i].Sub(at[i-1]), 50*time.Second, "their turns are spread over the interval")
		}
		assert.Less(t, at[0].Sub(began), 5*time.Minute)

		assert.Contains(t, log.String(), `msg="Health check for provider openai at https://api.openai.com/v1" provider=openai key=a health=ok `)
		assert.NotContains(t, log.String(), "key-a")
		last := snapshotOf(t, lb).Accounts[0].LastCheck
		require.NotNil(t, last)
		assert.Equal(t, "ok", last.Health)
		assert.Equal(t, provider.ClassOK, last.Class)
		assert.Equal(t, http.StatusOK, last.Status)
		assert.Equal(t, "openai key", last.Probe)
		assert.WithinDuration(t, time.Now(), last.At, 5*time.Minute)
		assert.Equal(t, last.At.UTC(), snapshotOf(t, lb).Accounts[0].CheckedAt)
		assert.Zero(t, snapshotOf(t, lb).Accounts[0].Served, "a check is no request")
	})
}

func TestHealthChecksLeaveBusyAccountsAlone(t *testing.T) {
	for _, all := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			cfg := checked(fake, account("main"))
			cfg.HealthChecks.All = all
			lb := newTransport(t, cfg)
			for range 60 {
				time.Sleep(time.Minute)
				_, _, err := send(t.Context(), t, lb)
				require.NoError(t, err)
			}
			checks := slices.DeleteFunc(fake.Hits(), func(h providertest.Hit) bool { return h.Operation == "chat" })
			if all {
				assert.Len(t, checks, 12)
			} else {
				assert.LessOrEqual(t, len(checks), 1, "but before its first request")
			}
		})
	}
}

// TestWhatAHealthCheckMayEnable goes through the states an account can be in, and what
// the next check makes of them.
func TestWhatAHealthCheckMayEnable(t *testing.T) {
	const (
		list   = `{"data":[{"id":"gpt-5"}]}`
		failed = `{"error":{"message":"overloaded"}}`
	)
	money := provider.Probe{Name: "money", Path: "/models", Auth: provider.AuthAccount, Proves: []provider.Proof{provider.ProvesCredential, provider.ProvesMoney}}
	reach := provider.Probe{Name: "reach", Path: "/models", Proves: []provider.Proof{provider.ProvesReach}}
	person := func(p health.Policy, s health.State, now time.Time) health.State {
		return p.Disable(s, "too dear", now)
	}
	apply := func(o health.Outcome) func(health.Policy, health.State, time.Time) health.State {
		return func(p health.Policy, s health.State, now time.Time) health.State { return p.Apply(s, o, now) }
	}
	refused := health.Outcome{Kind: health.OutcomeDisable, Permanent: true, Reason: "revoked"}
	broke := health.Outcome{Kind: health.OutcomeExhausted, Permanent: true, Reason: "no money"}
	limited := health.Outcome{Kind: health.OutcomeRest, Until: time.Date(2000, 1, 1, 0, 50, 0, 0, time.UTC)} // synctest's clock begins at midnight
	resting := func(p health.Policy, s health.State, now time.Time) health.State {
		p.Rest = time.Hour
		for range 5 {
			s = p.Apply(s, health.Outcome{Kind: health.OutcomeFailure, Reason: "500"}, now)
		}
		return s
	}
	tests := map[string]struct {
		state  func(health.Policy, health.State, time.Time) health.State
		probe  *provider.Probe
		status int
		body   string
		want   string
		asked  bool
	}{
		"resting for failures":                 {resting, nil, 200, list, "closed", true},
		"resting, and it still fails":          {resting, nil, 500, failed, "disabled", true},
		"revoked":                              {apply(refused), nil, 200, list, "closed", true},
		"revoked, and still":                   {apply(refused), nil, 401, `{"error":{"code":"invalid_api_key"}}`, "disabled", true},
		"revoked, and the place is reached":    {apply(refused), &reach, 200, list, "disabled", true},
		"no money":                             {apply(broke), nil, 200, list, "disabled", true},
		"no money, and the probe shows some":   {apply(broke), &money, 200, list, "closed", true},
		"no money, and the probe finds none":   {apply(broke), &money, 402, `{"error":{"message":"Insufficient Balance"}}`, "disabled", true},
		"a person disabled it":                 {person, nil, 200, list, "disabled", false},
		"the provider named a time":            {apply(limited), nil, 200, list, "open", false},
		"a restricted key may not list models": {apply(refused), nil, 403, `{"error":{"code":"missing_scope","message":"insufficient permissions"}}`, "disabled", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int64
				store := health.NewMemory(health.MemoryConfig{})
				cfg := checked(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					answers(tt.status, tt.body).ServeHTTP(w, r)
				}), account("main"))
				cfg.Health = store
				_, err := store.Update(t.Context(), health.Subject{Kind: health.KindAccount, Name: "main"}, func(s health.State) health.State {
					return tt.state(health.Policy{Jitter: -1}, s, time.Now())
				})
				require.NoError(t, err)
				if tt.probe != nil {
					cfg.HealthChecks.Probes = func(string, *provider.Provider) []provider.Probe { return []provider.Probe{*tt.probe} }
				}
				lb := newTransport(t, cfg)
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				assert.Equal(t, tt.want, snapshotOf(t, lb).Accounts[0].State)
				assert.Equal(t, tt.asked, asked.Load() > 0)
			})
		})
	}
}

func TestHealthChecksDisableAfterErrorsInARow(t *testing.T) {
	tests := map[string]struct {
		checks balancer.HealthChecks
		policy health.Policy
		after  int // checks; 0: never
	}{
		"five by default":      {balancer.HealthChecks{}, health.Policy{}, 5},
		"as many as set":       {balancer.HealthChecks{DisableAfter: 3}, health.Policy{}, 3},
		"as the policy says":   {balancer.HealthChecks{DisableAfter: 8}, health.Policy{DisableAfter: 2}, 2},
		"never":                {balancer.HealthChecks{DisableAfter: -1}, health.Policy{}, 0},
		"never but the policy": {balancer.HealthChecks{DisableAfter: -1}, health.Policy{DisableAfter: 7}, 7},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				fake.Always(providertest.ServerError())
				var log lockedBuffer
				cfg := checked(fake, account("main"))
				cfg.HealthChecks, cfg.Policy = tt.checks, tt.policy
				cfg.HealthChecks.Enabled = true
				cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
				lb := newTransport(t, cfg)
				for range 10 {
					time.Sleep(5 * time.Minute)
					synctest.Wait()
					s := snapshotOf(t, lb).Accounts[0]
					disabled := s.State == "disabled"
					assert.Equal(t, tt.after > 0 && fake.Count() >= tt.after, disabled, "after %d", fake.Count())
					if disabled {
						assert.Contains(t, s.Reason, fmt.Sprintf("disabled after %d failures in a row", tt.after))
						assert.Contains(t, s.NotReady, s.Reason)
						assert.Equal(t, "failure", s.Cause)
					} else {
						assert.Equal(t, fake.Count(), s.Failures)
					}
				}
				assert.Equal(t, 10, fake.Count(), "it is asked again, to be enabled")
				assert.Contains(t, log.String(), `level=WARN msg="Health check for provider openai at https://api.openai.com/v1" provider=openai key=main health=failed class="transient failure" status=500`)
				last := snapshotOf(t, lb).Accounts[0].LastCheck
				assert.Equal(t, "failed", last.Health)
				assert.NotEmpty(t, last.Reason)

				fake.Always(providertest.OK())
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				assert.Equal(t, "closed", snapshotOf(t, lb).Accounts[0].State)
			})
		})
	}
}

func TestOneProgramAsksWhereTheStoreIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		store := health.NewMemory(health.MemoryConfig{})
		for range 5 {
			cfg := checked(fake, account("main"))
			cfg.Health = store
			newTransport(t, cfg)
		}
		time.Sleep(100 * 5 * time.Minute)
		assert.InDelta(t, 100, fake.Count(), 12, "once an interval, or a little more often")
	})
}

func TestHealthChecksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		silent := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			for n := now.Add(1); ; {
				if old := most.Load(); old >= n || most.CompareAndSwap(old, n) {
					break
				}
			}
			defer now.Add(-1)
			<-r.Context().Done()
		})
		var accounts []balancer.Account
		for i := range 100 {
			accounts = append(accounts, account(fmt.Sprintf("a%d", i)))
		}
		cfg := checked(silent, accounts...)
		cfg.HealthChecks.Interval, cfg.HealthChecks.Concurrency, cfg.HealthChecks.Timeout = time.Minute, 3, 2*time.Second
		lb := newTransport(t, cfg)
		time.Sleep(3 * time.Minute)
		assert.EqualValues(t, 3, most.Load())
		for _, a := range snapshotOf(t, lb).Accounts[:10] {
			if assert.NotNil(t, a.LastCheck, a.Name) {
				assert.Equal(t, provider.ClassTimeout.String(), a.LastCheck.Class.String())
				assert.Equal(t, 2*time.Second, a.LastCheck.Duration)
				assert.EqualValues(t, 2000, a.LastCheck.DurationMs)
			}
		}
	})
}

// TestHealthChecksEndWithTheTransport: neither Close nor Shutdown waits for an answer
// that does not come, and nothing is held against the account.
func TestHealthChecksEndWithTheTransport(t *testing.T) {
	for _, end := range []string{"Close", "Shutdown"} {
		t.Run(end, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := make(chan struct{}, 1)
				store := health.NewMemory(health.MemoryConfig{})
				cfg := checked(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- struct{}{}; <-r.Context().Done() }), account("main"))
				cfg.Health = store
				lb, err := balancer.New(cfg)
				require.NoError(t, err)
				<-asked
				start := time.Now()
				if end == "Close" {
					require.NoError(t, lb.Close())
				} else {
					require.NoError(t, lb.Shutdown(t.Context()))
				}
				assert.Less(t, time.Since(start), time.Second)
				states, err := store.Load(t.Context(), []health.Subject{{Kind: health.KindAccount, Name: "main"}})
				require.NoError(t, err)
				assert.Zero(t, states[0].Failures)
			})
		})
	}
}

// TestAHealthCheckBlamesTheProxy: a way that does not work is blamed for it, not the
// account, and an answer by it brings it back.
func TestAHealthCheckBlamesTheProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		var down atomic.Bool
		proxy, err := transport.ParseProxy("http://user:secret@10.0.0.1:8080")
		require.NoError(t, err)
		cfg := checked(fake, account("a"), account("b"), account("c"))
		cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
			return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				if down.Load() {
					return nil, &transport.Error{Phase: transport.PhaseDialProxy, Sent: transport.SentNo, Proxy: proxy, Err: errBroken}
				}
				return inMemory{fake}.RoundTrip(r)
			}), nil
		}
		cfg.Policy = health.Policy{Failures: 3, Rest: time.Hour, Jitter: -1}
		lb := newTransport(t, cfg)
		down.Store(true)
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		s := snapshotOf(t, lb)
		failures := 0
		for _, r := range s.Routes {
			failures += r.Failures
		}
		assert.Len(t, s.Routes, 3, "each account has a way of its own here")
		assert.InDelta(t, 6, failures, 1)
		for _, a := range s.Accounts {
			assert.Zero(t, a.Failures, "not the account's fault")
			assert.Equal(t, "failed", a.LastCheck.Health)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		for _, r := range snapshotOf(t, lb).Routes {
			assert.Equal(t, "open", r.State)
		}
		_, _, err = send(t.Context(), t, lb)
		require.Error(t, err)

		down.Store(false)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		for _, r := range snapshotOf(t, lb).Routes {
			assert.Equal(t, "closed", r.State, "an answer proves the way")
		}
		_, _, err = send(t.Context(), t, lb)
		require.NoError(t, err)
	})
}

func TestHealthChecksFollowSetAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		lb := newTransport(t, checked(fake, account("old")))
		time.Sleep(5 * time.Minute)
		require.NoError(t, lb.SetAccounts([]balancer.Account{account("new"), account("newer")}))
		time.Sleep(10 * time.Minute)
		assert.ElementsMatch(t, []string{"old", "new", "newer"}, slices.Compact(slices.Sorted(slices.Values(keysSeen(fake)))), "%v", keysSeen(fake))
		assert.Equal(t, 1, fake.CountFor("key-old"))
	})
}

func TestHealthChecksOfAnAccountWithoutAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := checked(fake, account("none"), account("wrong"))
		cfg.HealthChecks.Probes = func(name string, _ *provider.Provider) []provider.Probe {
			if name == "none" {
				return nil
			}
			return []provider.Probe{{Name: "bad"}}
		}
		lb := newTransport(t, cfg)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		s := snapshotOf(t, lb)
		assert.Zero(t, fake.Count())
		assert.Nil(t, s.Accounts[0].LastCheck)
		require.NotNil(t, s.Accounts[1].LastCheck)
		assert.Equal(t, "unknown", s.Accounts[1].LastCheck.Health)
		assert.Contains(t, s.Accounts[1].LastCheck.Reason, "bad")
		assert.Zero(t, s.Accounts[1].Failures)
	})
}

// TestAHealthCheckOfAHalfOpenAccountIsItsProbe: a request does not go at the same time,
// and a check does not while a request is the probe.
func TestAHealthCheckOfAHalfOpenAccountIsItsProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(5 * time.Second)
			answers(200, `{"data":[],"choices":[]}`).ServeHTTP(w, r)
		})
		store := health.NewMemory(health.MemoryConfig{})
		_, err := store.Update(t.Context(), health.Subject{Kind: health.KindAccount, Name: "main"}, func(s health.State) health.State {
			return health.Policy{Failures: 1, Rest: time.Second, Jitter: -1}.Apply(s, health.Outcome{Kind: health.OutcomeFailure}, time.Now())
		})
		require.NoError(t, err)
		cfg := checked(slow, account("main"))
		cfg.Health, cfg.NoLastResort = store, true
		lb := newTransport(t, cfg)
		time.Sleep(time.Second)
		for snapshotOf(t, lb).Accounts[0].State != "closed" {
			if now.Load() > 0 {
				_, _, err := send(t.Context(), t, lb)
				require.ErrorContains(t, err, "main: being tried by another request")
			}
			time.Sleep(time.Second)
		}
		assert.EqualValues(t, 1, most.Load())
		assert.Equal(t, "ok", snapshotOf(t, lb).Accounts[0].LastCheck.Health)
	})
}

func TestHealthChecksConfigurationIsChecked(t *testing.T) {
	for want, h := range map[string]balancer.HealthChecks{
		"negative":                {Interval: -1},
		"was its unit forgotten?": {Interval: 300},
		"a Timeout of 30ns":       {Timeout: 30},
	} {
		cfg := over(nil, account("main"))
		cfg.HealthChecks = h
		_, err := balancer.New(cfg)
		require.ErrorContains(t, err, "balancer: Config.HealthChecks: ")
		require.ErrorContains(t, err, want)
	}
}

// TestAHealthCheckShowsNoSecret: not even where the provider quotes the key.
func TestAHealthCheckShowsNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		quoting := answers(401, `{"error":{"code":"invalid_api_key","message":"Incorrect API key provided: sk-`+secretMark+`"}}`)
		cfg := checked(quoting, account("main", func(a *balancer.Account) { a.Secret = "sk-" + secretMark }))
		cfg.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		lb := newTransport(t, cfg)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		assert.Contains(t, log.String(), `"health":"failed"`)
		assert.Contains(t, log.String(), "***")
		assertNoSecret(t, "the log", log.String())
		assertNoSecret(t, "the Snapshot", shownAs(snapshotOf(t, lb)))
		assert.Equal(t, 2, strings.Count(log.String(), "Health check for"))
	})
}

// TestHealthChecksNeedTheStore: while it cannot say whether another is
// asking, nobody is asked.
func TestHealthChecksNeedTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := checked(fake, account("main"))
		cfg.Health = brokenHealth{}
		var said atomic.Int64
		cfg.Hooks.StoreError = func(context.Context, string, error) { said.Add(1) }
		newTransport(t, cfg)
		time.Sleep(time.Hour)
		assert.Zero(t, fake.Count())
		assert.Positive(t, said.Load())
	})
}
