package balancer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider/providertest"
)

// bodyOf sends a chat of a session and returns the answer.
func bodyOf(ctx context.Context, t *testing.T, lb *balancer.Transport) string {
	t.Helper()
	status, body, err := send(ctx, t, lb)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	return body
}

// A hedge that loses leaves the session where it is; one that wins takes it along.
func TestASessionStaysWithTheWinnerOfAHedge(t *testing.T) {
	tests := map[string]struct {
		one, two time.Duration // until they answer
		want     string
	}{
		"the first wins": {3 * time.Second, time.Minute, "first"},
		"the hedge wins": {time.Minute, time.Second, "second"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := each(twoAccounts(), whole(tt.one, "first"), whole(tt.two, "second"))
				cfg.Hedge.After = 2 * time.Second
				lb := newTransport(t, cfg)
				ctx := session(t.Context(), "s")
				require.Contains(t, bodyOf(ctx, t, lb), tt.want)
				synctest.Wait()
				require.Len(t, lb.Sessions(10), 1)
				assert.Equal(t, tt.want, lb.Sessions(10)[0].Account)
				assert.EqualValues(t, 1, lb.Sessions(10)[0].Requests)
			})
		})
	}
}

// What was chosen for the place of an account that spoke at last does not take its
// session away; what takes that place does.
func TestASessionAndASilentAccount(t *testing.T) {
	tests := map[string]struct {
		speaks time.Duration
		text   string
		want   string
	}{
		"speaks at last": {10500 * time.Millisecond, "Hi", "first"},
		"does not":       {time.Minute, "Other", "second"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := each(twoAccounts(), playing(tt.speaks, role, 1500*time.Millisecond, word, done), playing(other, done))
				cfg.FirstByteTimeout = 10 * time.Second
				cfg.Picker = balancer.PickerFunc(func(_ context.Context, _ *balancer.Request, from balancer.Candidates) int {
					if from.At(0).Name == "second" {
						time.Sleep(time.Second)
					}
					return 0
				})
				lb := newTransport(t, cfg)
				_, body, err := do(lb, streamed(session(t.Context(), "s"), t))
				require.NoError(t, err)
				require.Contains(t, body, tt.text)
				require.Len(t, lb.Sessions(10), 1)
				assert.Equal(t, tt.want, lb.Sessions(10)[0].Account)
			})
		})
	}
}

// While its account starts slowly a session may be served elsewhere, but is not moved.
func TestSlowStartDoesNotMoveSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		lb := newTransport(t, over(fake, many(3)...))
		homes := map[string]string{}
		for i := range 60 {
			s := fmt.Sprint("s", i)
			homes[s] = servedBy(session(t.Context(), s), t, lb, fake)
		}
		require.NoError(t, lb.Disable(t.Context(), "a0", "a blip"))
		require.NoError(t, lb.Enable(t.Context(), "a0"))
		time.Sleep(time.Second)
		elsewhere := 0
		for s, home := range homes {
			if servedBy(session(t.Context(), s), t, lb, fake) != home {
				assert.Equal(t, "a0", home)
				elsewhere++
			}
		}
		assert.Positive(t, elsewhere, "it starts slowly")
		time.Sleep(time.Minute)
		for s, home := range homes {
			assert.Equal(t, home, servedBy(session(t.Context(), s), t, lb, fake), s)
		}
	})
}

// A session whose request is under way is live, and so it is for its time after that.
func TestASessionThatStreamsIsLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := playing(word, 20*time.Minute, done)
		lb := newTransport(t, each(many(3), slow, slow, slow))
		ctx := session(t.Context(), "s")
		resp, err := lb.RoundTrip(streamed(ctx, t))
		require.NoError(t, err)
		time.Sleep(6 * time.Minute)
		require.Len(t, lb.Sessions(10), 1)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		time.Sleep(5*time.Minute - 1)
		require.Len(t, lb.Sessions(10), 1, "its last request ended just now")
		assert.Equal(t, "s", lb.Sessions(10)[0].Session)
		time.Sleep(time.Nanosecond)
		assert.Empty(t, lb.Sessions(10))
	})
}

// Claude Code asks two models in one session. Where they live in different accounts each
// stays where it is, and neither makes the session forget where the other was.
func TestASessionWithTwoModels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		only := func(model string) func(*balancer.Account) {
			return func(a *balancer.Account) { a.Models = map[string]string{model: ""} }
		}
		var log bytes.Buffer
		cfg := over(fake, account("a1", only("gpt-5")), account("a2", only("gpt-5")), account("a3", only("gpt-5")),
			account("b1", only("gpt-5-mini")), account("b2", only("gpt-5-mini")), account("b3", only("gpt-5-mini")))
		cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		lb := newTransport(t, cfg)
		ctx := session(t.Context(), "claude")
		ask := map[string]func() string{
			"big": func() string { return servedBy(ctx, t, lb, fake) },
			"small": func() string {
				status, _, err := do(lb, newRequest(ctx, t, http.MethodPost, chatURL, strings.Replace(chat, "gpt-5", "gpt-5-mini", 1)))
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, status)
				keys := keysSeen(fake)
				return keys[len(keys)-1]
			},
		}
		moved := make(map[string]string)
		for model, of := range ask { // to where its name does not fall
			home := of()
			require.NoError(t, lb.Disable(t.Context(), home, "repairs"))
			moved[model] = of()
			require.NotEqual(t, home, moved[model])
			require.NoError(t, lb.Enable(t.Context(), home))
		}
		time.Sleep(time.Minute) // the slow start is over
		log.Reset()
		for range 3 {
			for model, of := range ask {
				assert.Equal(t, moved[model], of(), model)
			}
		}
		assert.NotContains(t, log.String(), "Session stays")

		all := lb.Sessions(10)
		require.Len(t, all, 1, "it is listed once")
		assert.ElementsMatch(t, []string{moved["big"], moved["small"]}, append(all[0].Others, all[0].Account))
		assert.EqualValues(t, 10, all[0].Requests)
		assert.True(t, lb.ClearSession("", "claude"))
		for model, of := range ask {
			assert.NotEqual(t, moved[model], of(), "it begins afresh")
		}
	})
}

// A session has few accounts, whatever it asks for.
func TestASessionHasFewAccounts(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	accounts := many(24)
	for i := range accounts {
		accounts[i].Groups = []string{fmt.Sprint("g", i/2)}
	}
	lb := newTransport(t, over(fake, accounts...))
	for i := range 12 {
		hint := balancer.Hint{Session: "s", Group: fmt.Sprint("g", i)}
		first := servedBy(balancer.WithHint(t.Context(), hint), t, lb, fake)
		assert.Equal(t, first, servedBy(balancer.WithHint(t.Context(), hint), t, lb, fake))
		require.Len(t, lb.Sessions(10), 1)
		assert.Equal(t, first, lb.Sessions(10)[0].Account)
		assert.Len(t, lb.Sessions(10)[0].Others, min(i, 3))
	}
}
