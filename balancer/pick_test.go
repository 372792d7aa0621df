package balancer_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
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

func weight(w int) func(*balancer.Account) { return func(a *balancer.Account) { a.Weight = w } }

func TestRoundRobinIsExact(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, account("a", weight(5)), account("b", weight(1)), account("c", weight(2)))
	cfg.Picker = balancer.RoundRobin{}
	lb := newTransport(t, cfg)
	for range 80 {
		servedBy(t.Context(), t, lb, fake)
	}
	keys := keysSeen(fake)
	first := keys[:8]
	for i := 8; i < len(keys); i += 8 {
		require.Equal(t, first, keys[i:i+8], "the same sequence again")
	}
	counts := make(map[string]int)
	for i, key := range first {
		counts[key]++
		if i > 2 {
			assert.Less(t, len(slices.DeleteFunc(slices.Clone(first[i-3:i+1]), func(k string) bool { return k != key })), 4, "%v: spread evenly", first)
		}
	}
	assert.Equal(t, map[string]int{"a": 5, "b": 1, "c": 2}, counts)
}

// An account that was passed over for a while has no turns to catch up with.
func TestRoundRobinHasNothingToCatchUpWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, many(4)...)
		cfg.Picker = balancer.RoundRobin{}
		cfg.Policy = health.Policy{Failures: 1, Rest: time.Second, Jitter: -1, SlowStart: time.Minute}
		lb := newTransport(t, cfg)
		fake.ScriptFor("key-a0", providertest.ServerError())
		for fake.CountFor("key-a0") == 0 {
			servedBy(t.Context(), t, lb, fake)
		}
		time.Sleep(2 * time.Second)
		for range 200 { // it recovers, and is given little
			servedBy(t.Context(), t, lb, fake)
		}
		time.Sleep(2 * time.Minute)
		seen := len(fake.Hits())
		for range 40 {
			servedBy(t.Context(), t, lb, fake)
		}
		got := slices.DeleteFunc(keysSeen(fake)[seen:], func(k string) bool { return k != "a0" })
		assert.InDelta(t, 10, len(got), 2, "one at most")
	})
}

func TestInOrder(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, many(130, inFlight(1))...)
	cfg.Picker = balancer.InOrder{}
	lb := newTransport(t, cfg)
	var open []*http.Response
	for range 130 {
		open = append(open, hold(t.Context(), t, lb))
	}
	for i, key := range keysSeen(fake) {
		require.Equal(t, fmt.Sprint("a", i), key)
	}
	for _, i := range []int{129, 70, 3} {
		require.NoError(t, open[i].Body.Close())
		assert.Equal(t, fmt.Sprint("a", i), servedBy(t.Context(), t, lb, fake))
	}
}

func TestRandomFollowsWeights(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, account("a"), account("b", weight(3)), account("c", weight(6)))
	cfg.Picker = balancer.Random{}
	lb := newTransport(t, cfg)
	for range 1000 {
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
	}
	for name, want := range map[string]float64{"a": 100, "b": 300, "c": 600} {
		assert.InDelta(t, want, fake.CountFor("key-"+name), 60, name)
	}
}

func TestCheapestGoesByPrice(t *testing.T) {
	factor := func(f float64) func(*balancer.Account) { return func(a *balancer.Account) { a.PriceFactor = f } }
	unknown := func(a *balancer.Account) {
		a.Provider = provider.OpenAI.At("nobody", "https://api.openai.com/v1")
		a.Models = map[string]string{"gpt-5": "unheard-of"}
	}
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake,
		account("unknown", unknown, inFlight(1)), account("full", inFlight(1)), account("dear", factor(3), inFlight(1)),
		account("cheap", factor(0.5), inFlight(1)), account("cheaper", factor(0.5), inFlight(1)))
	cfg.Picker, cfg.Prices = balancer.Cheapest{}, priced(t)
	lb := newTransport(t, cfg)
	for range 5 {
		hold(t.Context(), t, lb)
	}
	keys := keysSeen(fake)
	assert.ElementsMatch(t, []string{"cheap", "cheaper"}, keys[:2])
	assert.Equal(t, []string{"full", "dear", "unknown"}, keys[2:])
}

func TestScheduleDecidesWhoIsOnDuty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		night := func(a *balancer.Account) {
			a.Schedule = balancer.Schedule{Spans: []balancer.Span{{From: 22 * time.Hour, To: 6 * time.Hour}}}
		}
		cfg := over(fake, account("night", night), account("any", priority(1)))
		lb := newTransport(t, cfg)
		only := newTransport(t, over(fake, account("alone", night)))
		for range 48 { // virtual time begins at midnight UTC
			time.Sleep(time.Hour)
			want := "any"
			if h := time.Now().UTC().Hour(); h >= 22 || h < 6 {
				want = "night"
			}
			require.Equal(t, want, servedBy(t.Context(), t, lb, fake), time.Now().UTC().String())
			_, _, err := send(t.Context(), t, only)
			if want == "night" {
				require.NoError(t, err)
				continue
			}
			var failure *balancer.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, 22, failure.RetryAt.UTC().Hour())
			assert.ErrorContains(t, err, "off duty by its schedule")
		}
	})
}

// A session does not keep an account on duty, and goes to it again the next night only
// if it has nowhere else to be.
func TestSessionsKeepNobodyOnDuty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, account("night", func(a *balancer.Account) {
			a.Schedule = balancer.Schedule{Spans: []balancer.Span{{From: 0, To: time.Hour}}}
		}), account("any", priority(1)))
		lb := newTransport(t, cfg)
		ctx := session(t.Context(), "s")
		assert.Equal(t, "night", servedBy(ctx, t, lb, fake))
		time.Sleep(58 * time.Minute)
		assert.Equal(t, "night", servedBy(ctx, t, lb, fake))
		time.Sleep(3 * time.Minute)
		assert.Equal(t, "any", servedBy(ctx, t, lb, fake))
	})
}

func TestTheFirstTierIsUsedAgainAfterItsRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, account("a", priority(1)), account("b", priority(2)), account("c", priority(3)))
		cfg.Policy = health.Policy{Failures: 1, Rest: time.Minute, Jitter: -1, SlowStart: 10 * time.Second}
		lb := newTransport(t, cfg)
		fake.ScriptFor("key-a", providertest.ServerError())
		assert.Equal(t, "b", servedBy(t.Context(), t, lb, fake))
		for range 5 {
			assert.Equal(t, "b", servedBy(t.Context(), t, lb, fake))
		}
		time.Sleep(time.Minute)
		assert.Equal(t, "a", servedBy(t.Context(), t, lb, fake), "the probe")
		time.Sleep(11 * time.Second)
		for range 5 {
			assert.Equal(t, "a", servedBy(t.Context(), t, lb, fake))
		}
	})
}

// A Picker of one's own that always takes the first it sees gets a good one, however
// many others rest.
func TestAPickerOfOnesOwnFindsTheOnlyOneThatIsReady(t *testing.T) {
	for _, last := range []bool{false, true} {
		fake := providertest.OpenAI(providertest.Config{})
		store := health.NewMemory(health.MemoryConfig{})
		accounts := many(300)
		for i := range accounts {
			if i != 150 {
				disable(t, store, accounts[i].Name)
			}
		}
		cfg := over(fake, accounts...)
		cfg.Health = store
		cfg.Picker = balancer.PickerFunc(func(_ context.Context, _ *balancer.Request, from balancer.Candidates) int {
			require.Positive(t, from.Len())
			if last {
				return from.Len() - 1
			}
			return 0
		})
		lb := newTransport(t, cfg)
		for range 3 {
			assert.Equal(t, "a150", servedBy(t.Context(), t, lb, fake))
		}
	}
}

// disable puts an account out of use for good.
func disable(t *testing.T, store health.Store, name string) {
	t.Helper()
	_, err := store.Update(t.Context(), health.Subject{Kind: health.KindAccount, Name: name}, func(s health.State) health.State {
		return health.Policy{}.Disable(s, "on purpose", time.Now())
	})
	require.NoError(t, err)
}

// One account of 10,000 is ready: every Picker finds it, and after the first time at once.
func TestOneReadyAccountOfManyIsFound(t *testing.T) {
	const n = 10_000
	fake := providertest.OpenAI(providertest.Config{})
	store := health.NewMemory(health.MemoryConfig{MaxSubjects: 2 * n})
	accounts := many(n)
	for i := range accounts {
		if i != n/3 {
			disable(t, store, accounts[i].Name)
		}
	}
	pickers := map[string]balancer.Picker{
		"least loaded": nil, "round robin": balancer.RoundRobin{}, "in order": balancer.InOrder{},
		"random": balancer.Random{}, "cheapest": balancer.Cheapest{},
	}
	for name, picker := range pickers {
		t.Run(name, func(t *testing.T) {
			cfg := over(fake, accounts...)
			cfg.Health, cfg.HealthRefresh, cfg.Picker = store, -1, picker
			lb := newTransport(t, cfg)
			assert.Equal(t, fmt.Sprint("a", n/3), servedBy(t.Context(), t, lb, fake))
			assert.Equal(t, fmt.Sprint("a", n/3), servedBy(session(t.Context(), "s"), t, lb, fake))
		})
	}
	t.Run("one's own", func(t *testing.T) {
		var asked atomic.Int64
		cfg := over(fake, accounts...)
		cfg.Health, cfg.HealthRefresh = store, -1
		cfg.Picker = balancer.PickerFunc(func(_ context.Context, _ *balancer.Request, from balancer.Candidates) int {
			for i := range from.Len() {
				from.At(i)
				asked.Add(1)
			}
			return 0
		})
		lb := newTransport(t, cfg)
		servedBy(t.Context(), t, lb, fake)
		asked.Store(0)
		for range 10 {
			servedBy(t.Context(), t, lb, fake)
		}
		assert.LessOrEqual(t, asked.Load(), int64(10), "accounts that it was shown")
	})
}

// Of many accounts most do not have a model: who has it is found without asking those
// again, also where the model is called otherwise there.
func TestAModelThatMostAccountsDoNotHave(t *testing.T) {
	for name, models := range map[string]map[string]string{"as asked": nil, "renamed": {"gpt-5": "deployment"}} {
		t.Run(name, func(t *testing.T) {
			const n, have = 400, 40
			fake := providertest.OpenAI(providertest.Config{})
			accounts := many(n, func(a *balancer.Account) { a.Models = models })
			for i := range n - have {
				fake.AlwaysFor(fmt.Sprint("key-a", i), providertest.ModelNotFound())
			}
			cfg := over(fake, accounts...)
			cfg.MaxAttempts = n
			cfg.Picker = balancer.InOrder{}
			lb := newTransport(t, cfg)
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
			before := fake.Count()
			require.LessOrEqual(t, before, n)
			for range 20 {
				_, _, err := send(t.Context(), t, lb)
				require.NoError(t, err)
			}
			assert.Equal(t, before+20, fake.Count())
		})
	}
}

// Groups, operations and models are asked for together.
func TestWhoMayServeAtAll(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake,
		account("chat", func(a *balancer.Account) {
			a.Groups, a.Operations = []string{"x"}, []provider.OperationKind{provider.OpChat}
		}),
		account("embed", func(a *balancer.Account) {
			a.Groups, a.Operations = []string{"x", "y"}, []provider.OperationKind{provider.OpEmbeddings}
		}),
		account("mini", priority(-1), func(a *balancer.Account) { a.Groups, a.Models = []string{"y"}, map[string]string{"*-mini": ""} }),
		account("limited", priority(-1), func(a *balancer.Account) {
			a.Models = map[string]string{"none": ""}
			a.Limits = []quota.Limit{{Unit: quota.InFlight, Max: 1}}
		}),
	))
	const embed = `{"model":"text-mini","input":"hi"}`
	tests := []struct{ group, url, body, want string }{
		{"x", chatURL, chat, "chat"},
		{"y", chatURL, chat, ""},
		{"y", chatURL, strings.Replace(chat, "gpt-5", "gpt-5-mini", 1), "mini"},
		{"x", "https://api.openai.com/v1/embeddings", embed, "embed"},
		{"", "https://api.openai.com/v1/embeddings", embed, "mini"},
		{"z", chatURL, chat, ""},
	}
	for _, tt := range tests {
		ctx := balancer.WithHint(t.Context(), balancer.Hint{Group: tt.group, Session: "s"})
		before := fake.Count()
		status, body, err := do(lb, newRequest(ctx, t, http.MethodPost, tt.url, tt.body))
		if tt.want == "" {
			require.ErrorIs(t, err, balancer.ErrNoAccount)
			assert.Equal(t, before, fake.Count())
			continue
		}
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, body)
		keys := keysSeen(fake)
		assert.Equal(t, tt.want, keys[len(keys)-1], "%+v", tt)
	}
}
