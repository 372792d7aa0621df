package balancer_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

const streamedChat = `{"model":"gpt-5","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`

func streamed(ctx context.Context, t *testing.T) *http.Request {
	t.Helper()
	return newRequest(ctx, t, http.MethodPost, chatURL, streamedChat)
}

func TestUsageOfStreams(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{InputTokens: 40, CachedTokens: 8, OutputTokens: 12})
	lb := newTransport(t, over(fake, account("main")))
	ctx, trail := balancer.WithTrail(t.Context())
	status, body, err := do(lb, streamed(ctx, t))
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, "data: [DONE]")
	a := trail.Attempts()[0]
	assert.EqualValues(t, 40, a.Usage.Input)
	assert.EqualValues(t, 8, a.Usage.CachedInput)
	assert.EqualValues(t, 12, a.Usage.Output)
	assert.True(t, a.Usage.Complete)
	assert.Positive(t, a.FirstByte)
	assert.GreaterOrEqual(t, a.Duration, a.FirstByte)
}

func TestStreamsThatBreak(t *testing.T) {
	tests := map[string]struct {
		step    providertest.Step
		readErr bool
	}{
		"cut":             {providertest.CutStream(3), true},
		"error inside it": {providertest.ErrorInStream(3), false},
		"ended too early": {providertest.Status(200, http.Header{"Content-Type": {"text/event-stream"}}, "data: {\"choices\":[{\"delta\":{\"content\":\"He\"}}]}\n\n"), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			fake.ScriptFor("key-first", tt.step)
			lb := newTransport(t, over(fake, twoAccounts()...))
			ctx, trail := balancer.WithTrail(t.Context())
			_, body, err := do(lb, streamed(ctx, t))
			assert.Equal(t, tt.readErr, err != nil)
			assert.NotEmpty(t, body, "what came before reaches the caller")
			assert.Equal(t, 1, fake.Count(), "an answer that has begun is never replaced")
			attempts := trail.Attempts()
			require.Len(t, attempts, 1)
			assert.NotEqual(t, provider.ClassOK, attempts[0].Class, "a broken stream is no success")
			assert.False(t, attempts[0].Usage.Complete)
		})
	}
}

func TestCancelIsNobodysFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Always(providertest.Hang())
		lb := newTransport(t, over(fake, twoAccounts()...))
		for range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, _, err := send(ctx, t, lb)
			require.ErrorIs(t, err, context.Canceled)
		}
		assert.Equal(t, 10, fake.CountFor("key-first"), "it is still asked first, and nobody else was")
		s, err := lb.Snapshot(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "closed", s.Accounts[0].State)
		assert.Zero(t, s.Accounts[0].InFlight)
	})
}

func TestDeadlineCoversAllAttemptsButNotTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.AlwaysFor("key-first", providertest.Hang())
		fake.AlwaysFor("key-second", providertest.Trickle(time.Minute))
		cfg := over(fake, twoAccounts()...)
		cfg.Deadline = 10 * time.Second
		lb := newTransport(t, cfg)
		start := time.Now()
		_, _, err := send(t.Context(), t, lb)
		var failure *balancer.Error
		require.ErrorAs(t, err, &failure)
		assert.True(t, failure.Timeout())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 10*time.Second, time.Since(start))

		status, body, err := do(lb, streamed(balancer.WithHint(t.Context(), balancer.Hint{Account: "second"}), t))
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status)
		assert.Contains(t, body, "[DONE]")
	})
}

func TestSetAccountsDoesNotDisturbStreams(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake, account("old")))
	resp, err := lb.RoundTrip(streamed(t.Context(), t))
	require.NoError(t, err)
	require.NoError(t, lb.SetAccounts([]balancer.Account{account("new")}))
	_, _, err = send(t.Context(), t, lb)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Contains(t, string(body), "[DONE]")
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, []string{"old", "new"}, keysSeen(fake))

	require.Error(t, lb.SetAccounts(nil))
	_, _, err = send(t.Context(), t, lb)
	require.NoError(t, err, "an error leaves the accounts as they were")
}

func TestSetAccountsUnderLoad(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake, account("a"), account("b")))
	ctx, cancel := context.WithCancel(t.Context())
	var changer sync.WaitGroup
	changer.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			names := []string{"a", "b", "c", "d"}
			assert.NoError(t, lb.SetAccounts([]balancer.Account{account(names[i%4]), account(names[(i+1)%4])}))
		}
	})
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			for range 100 {
				status, _, err := send(t.Context(), t, lb)
				assert.NoError(t, err)
				assert.Equal(t, http.StatusOK, status)
			}
		})
	}
	calls.Wait()
	cancel()
	changer.Wait()
	assert.Equal(t, 800, fake.Count())
}

// overNetwork leads an account to a fake behind a real server.
func overNetwork(t *testing.T, fake http.Handler) (balancer.Config, *transporttest.Server) {
	t.Helper()
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: fake})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	at := provider.OpenAI.At("fake", server.URL()+"/v1")
	return balancer.Config{Accounts: []balancer.Account{
		account("main", func(a *balancer.Account) { a.Provider = at }),
	}}, server
}

func TestCloseEndsRequestsUnderWay(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	fake.Always(providertest.Trickle(time.Hour))
	cfg, server := overNetwork(t, fake)
	cfg.Hold.Bytes = -1
	lb := newTransport(t, cfg)
	resp, err := lb.RoundTrip(streamed(t.Context(), t))
	require.NoError(t, err)
	require.NoError(t, lb.Close())
	_, err = io.ReadAll(resp.Body)
	require.ErrorIs(t, err, balancer.ErrClosed)
	require.NoError(t, resp.Body.Close())
	_, _, err = send(t.Context(), t, lb)
	require.ErrorIs(t, err, balancer.ErrClosed)
	assert.EqualError(t, err, "balancer closed", "one prefix is enough")
	require.ErrorIs(t, lb.SetAccounts(cfg.Accounts), balancer.ErrClosed)
	require.NoError(t, server.Wait(t.Context(), func(s transporttest.Stats) bool { return s.Open == 0 }))
}

func TestShutdownLetsRequestsFinish(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	fake.Always(providertest.Trickle(20 * time.Millisecond))
	cfg, server := overNetwork(t, fake)
	lb := newTransport(t, cfg)
	resp, err := lb.RoundTrip(streamed(t.Context(), t))
	require.NoError(t, err)
	var waiting sync.WaitGroup
	waiting.Go(func() { assert.NoError(t, lb.Shutdown(t.Context())) })
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Contains(t, string(body), "[DONE]")
	require.NoError(t, resp.Body.Close())
	waiting.Wait()
	require.NoError(t, server.Wait(t.Context(), func(s transporttest.Stats) bool { return s.Open == 0 }))
}

func TestClientFollowsNoRedirects(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	fake.Always(providertest.Status(http.StatusFound, http.Header{"Location": {"https://evil.example.com/"}}, ""))
	lb := newTransport(t, over(fake, account("main")))
	resp, err := lb.Client().Do(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusFound, resp.StatusCode)
	assert.Equal(t, 1, fake.Count())
}

func TestHooksAndLayersSeeEachAttempt(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	fake.ScriptFor("key-first", providertest.ServerError())
	var ended, sent []string
	cfg := over(fake, twoAccounts()...)
	cfg.Hooks.Attempt = func(_ context.Context, a balancer.Attempt) { ended = append(ended, a.Account+" "+a.Class.String()) }
	cfg.Attempt = []transport.Middleware{func(next http.RoundTripper) http.RoundTripper {
		return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			sent = append(sent, r.Header.Get("Authorization"))
			return next.RoundTrip(r)
		})
	}}
	_, _, err := send(t.Context(), t, newTransport(t, cfg))
	require.NoError(t, err)
	assert.Equal(t, []string{"first transient failure", "second ok"}, ended)
	assert.Equal(t, []string{"Bearer key-first", "Bearer key-second"}, sent)
}
