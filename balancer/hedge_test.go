package balancer_test

import (
	"context"
	"net/http"
	"slices"
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
	"github.com/aitransport/aitransport/transport"
)

const other = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Other\"}}]}\n\n"

// whole answers in one piece, after a while.
func whole(after time.Duration, text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-time.After(after):
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"choices":[{"message":{"content":"` + text + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`))
	})
}

func failed(after time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-time.After(after):
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(`{"error":{"message":"no","type":"server_error"}}`))
	})
}

// Who wins when a second account is asked after two seconds, and what is told of the
// other one.
func TestHedge(t *testing.T) {
	const (
		s  = time.Second
		ok = provider.ClassOK
	)
	tests := map[string]struct {
		body          string
		first, second http.Handler
		want          string
		took          time.Duration
		classes       []provider.Class // of the attempts
	}{
		"the first is soon enough":   {chat, whole(s, "one"), whole(0, "two"), "one", s, []provider.Class{ok}},
		"the second wins":            {chat, whole(time.Minute, "one"), whole(s, "two"), "two", 3 * s, []provider.Class{provider.ClassCanceled, ok}},
		"the first wins at last":     {chat, whole(3*s, "one"), whole(5*s, "two"), "one", 3 * s, []provider.Class{provider.ClassCanceled, ok}},
		"the second fails":           {chat, whole(5*s, "one"), failed(s), "one", 5 * s, []provider.Class{provider.ClassTransient, ok}},
		"the first fails meanwhile":  {chat, failed(3 * s), whole(5*s, "two"), "two", 7 * s, []provider.Class{provider.ClassTransient, ok}},
		"the first fails before":     {chat, failed(s), whole(5*s, "two"), "two", 6 * s, []provider.Class{provider.ClassTransient, ok}},
		"stream, pings are nothing":  {streamedChat, playing(ping, s, role, s, ping, time.Minute, word, done), playing(role, s, other, done), "Other", 3 * s, []provider.Class{provider.ClassCanceled, ok}},
		"stream, the first has some": {streamedChat, playing(ping, 3*s, word, 5*s, done), playing(role, 2*s, other, done), "Hi", 8 * s, []provider.Class{provider.ClassCanceled, ok}},
		"stream, an error inside":    {streamedChat, playing(role, 3*s, failing), playing(role, 2*s, other, done), "Other", 4 * s, []provider.Class{provider.ClassTransient, ok}},
		"stream, soon enough":        {streamedChat, playing(role, s, word, 5*s, done), playing(other, done), "Hi", 6 * s, []provider.Class{ok}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := health.NewMemory(health.MemoryConfig{})
				cfg := each(twoAccounts(), tt.first, tt.second)
				cfg.Hedge.After, cfg.Health = 2*time.Second, store
				lb := newTransport(t, cfg)
				ctx, trail := balancer.WithTrail(t.Context())
				start := time.Now()
				status, body, err := do(lb, newRequest(ctx, t, http.MethodPost, chatURL, tt.body))
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, status)
				assert.Contains(t, body, tt.want)
				for _, text := range []string{"one", "two", "Hi", "Other"} {
					if text != tt.want {
						assert.NotContains(t, body, `"`+text+`"`, "no part of the other answer")
					}
				}
				assert.Equal(t, tt.took, time.Since(start))
				synctest.Wait()
				var classes []provider.Class
				for _, a := range trail.Attempts() {
					classes = append(classes, a.Class)
					assert.Equal(t, a.Class == ok, a.Answered)
					assert.Equal(t, len(tt.classes) > 1 && name != "the first fails before" && a.Account == "second", a.Hedge)
				}
				assert.ElementsMatch(t, tt.classes, classes)
				snapshot, err := lb.Snapshot(t.Context())
				require.NoError(t, err)
				for _, a := range snapshot.Accounts {
					assert.Zero(t, a.InFlight)
					assert.Equal(t, "closed", a.State)
				}
				require.Zero(t, balancer.HeldBytes(lb))
				require.NoError(t, lb.Shutdown(t.Context()))
			})
		})
	}
}

// One that has lost is ended upstream, and what it told that it used is charged.
func TestTheLoserIsEndedAndCharged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := apis["messages"]
		fake := a.fake(providertest.Config{InputTokens: 500})
		fake.ScriptFor("key-first", providertest.Trickle(time.Hour)) // tells the tokens of the prompt first
		accounts := a.two()
		accounts[0].Limits = []quota.Limit{{Unit: quota.InputTokens, Max: 400, Window: quota.Rolling(time.Hour)}, {Unit: quota.InFlight, Max: 1}}
		cfg := over(fake, accounts...)
		cfg.Hedge.After = time.Second
		lb := newTransport(t, cfg)
		ctx, trail := balancer.WithTrail(t.Context())
		_, body, err := do(lb, a.request(ctx, t, true))
		require.NoError(t, err)
		require.Contains(t, body, "Hello")
		synctest.Wait()
		attempts := trail.Attempts()
		require.Len(t, attempts, 2)
		lost := attempts[slices.IndexFunc(attempts, func(a balancer.Attempt) bool { return a.Account == "first" })]
		assert.EqualValues(t, 500, lost.Usage.Input)
		assert.True(t, lost.MaybeExecuted)
		assert.False(t, lost.Answered)
		_, _, err = do(lb, a.request(ctx, t, true))
		require.NoError(t, err)
		assert.Equal(t, []string{"first", "second", "second"}, keysSeen(fake), "its tokens are used up")
	})
}

// It is ended when another one has won, not when that answer has been read.
func TestTheLoserIsEndedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lived []time.Duration
		cfg := each(twoAccounts(), hanging(&lived), playing(word, time.Minute, done))
		cfg.Hedge.After = time.Second
		start := time.Now()
		_, _, err := do(newTransport(t, cfg), streamed(t.Context(), t))
		require.NoError(t, err)
		assert.Equal(t, 61*time.Second, time.Since(start))
		assert.Equal(t, []time.Duration{time.Second}, lived)
	})
}

// Where no second account is asked.
func TestNoHedge(t *testing.T) {
	tests := map[string]struct {
		change   func(*balancer.Config)
		accounts []balancer.Account
		url      string
	}{
		"the only account":    {nil, []balancer.Account{account("first")}, chatURL},
		"the last attempt":    {func(c *balancer.Config) { c.MaxAttempts = 1 }, twoAccounts(), chatURL},
		"the budget is empty": {func(c *balancer.Config) { c.RetryBudget = balancer.RetryBudget{Share: -1, Min: -1} }, twoAccounts(), chatURL},
		"not repeatable":      {nil, twoAccounts(), "https://api.openai.com/v1/batches"},
		"off":                 {func(c *balancer.Config) { c.Hedge.After = 0 }, twoAccounts(), chatURL},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := each(tt.accounts, whole(time.Minute, "one"), whole(0, "two"))
				cfg.Hedge.After = time.Second
				if tt.change != nil {
					tt.change(&cfg)
				}
				_, body, err := do(newTransport(t, cfg), newRequest(t.Context(), t, http.MethodPost, tt.url, chat))
				require.NoError(t, err)
				require.Contains(t, body, "one")
			})
		})
	}
}

// A hedge counts against MaxAttempts, and there is one for a request at most.
func TestHedgesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lived []time.Duration
		cfg := each([]balancer.Account{account("a"), account("b"), account("c"), account("d")}, failed(5*time.Second), failed(5*time.Second), failed(5*time.Second), failed(5*time.Second))
		cfg.Hedge.After = time.Second
		ctx, trail := balancer.WithTrail(t.Context())
		start := time.Now()
		status, _, err := send(ctx, t, newTransport(t, cfg))
		require.NoError(t, err)
		require.Equal(t, 500, status)
		require.Len(t, trail.Attempts(), 3)
		require.Equal(t, 11*time.Second, time.Since(start), "two beside each other, and one after them")
		require.Empty(t, lived)
	})
}

// A probe that a loser had claimed is given back: another request may try.
func TestTheLosersProbeIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.ScriptFor("key-first", providertest.ServerError(), providertest.Hang())
		cfg := over(fake, twoAccounts()...)
		cfg.Policy.Failures, cfg.Hedge.After = 1, time.Second
		lb := newTransport(t, cfg)
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		time.Sleep(time.Minute) // it has rested, and is to be tried
		for range 2 {
			_, _, err = send(t.Context(), t, lb)
			require.NoError(t, err)
			synctest.Wait()
		}
		assert.Equal(t, []string{"first", "second", "first", "second", "first"}, keysSeen(fake))
		s, err := lb.Snapshot(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "closed", s.Accounts[0].State)
	})
}

// A Picker that panics while an attempt is under way leaves nothing either.
func TestPickerThatPanicsWhileHedging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lived []time.Duration
		cfg := each([]balancer.Account{account("a"), account("b")}, hanging(&lived), hanging(&lived))
		calls := 0
		cfg.Picker = balancer.PickerFunc(func(context.Context, *balancer.Request, balancer.Candidates) int {
			if calls++; calls > 1 {
				panic("on purpose")
			}
			return 0
		})
		cfg.Hedge.After = time.Second
		lb := newTransport(t, cfg)
		require.PanicsWithValue(t, "on purpose", func() { _, _, _ = send(context.WithoutCancel(t.Context()), t, lb) })
		synctest.Wait()
		assert.Equal(t, []time.Duration{time.Second}, lived)
		s, err := lb.Snapshot(t.Context())
		require.NoError(t, err)
		for _, a := range s.Accounts {
			assert.Zero(t, a.InFlight)
		}
		require.NoError(t, lb.Shutdown(t.Context()))
	})
}

// A panic in either attempt comes up where the request is served, and leaves nothing.
func TestHedgeThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lived []time.Duration
		cfg := each(twoAccounts(), hanging(&lived), nil)
		inner := cfg.RoundTripper
		cfg.RoundTripper = func(a balancer.Account) (http.RoundTripper, error) {
			if a.Name == "second" {
				return transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) { panic("on purpose") }), nil
			}
			return inner(a)
		}
		cfg.Hedge.After = time.Second
		lb := newTransport(t, cfg)
		require.PanicsWithValue(t, "on purpose", func() { _, _, _ = send(context.WithoutCancel(t.Context()), t, lb) })
		synctest.Wait()
		assert.Equal(t, []time.Duration{time.Second}, lived)
		s, err := lb.Snapshot(t.Context())
		require.NoError(t, err)
		for _, a := range s.Accounts {
			assert.Zero(t, a.InFlight)
		}
		require.NoError(t, lb.Shutdown(t.Context()))
	})
}
