package balancer_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
)

func TestAnswersThroughTheAccount(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{Text: "Hello."})
	lb := newTransport(t, over(fake, account("main")))
	req := newRequest(t.Context(), t, http.MethodPost, chatURL, chat)
	resp, err := lb.RoundTrip(req)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, string(body), "Hello.")
	assert.Same(t, req, resp.Request, "the answer's request must be the caller's")
	assert.Equal(t, []string{"main"}, keysSeen(fake))
}

func TestInboundCredentialsAreRemovedAndTheRequestIsNotChanged(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake, account("main", func(a *balancer.Account) {
		a.Header = http.Header{"X-Team": {"blue"}}
	})))
	req := newRequest(t.Context(), t, http.MethodPost, chatURL+"?key=inbound&beta=true&access_token=inbound", chat)
	for _, name := range []string{
		"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Proxy-Authorization", "Cookie",
		"OpenAI-Organization", "OpenAI-Project",
	} {
		req.Header.Set(name, "Bearer inbound")
	}
	req.Header.Set("OpenAI-Beta", "kept")
	before := req.Header.Clone()
	status, _, err := do(lb, req)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	assert.Equal(t, before, req.Header, "the caller's request must not change")

	hit := fake.Hits()[0]
	assert.Equal(t, "key-main", hit.Key)
	for name, values := range hit.Credentials {
		assert.NotContains(t, strings.Join(values, " "), "inbound", "%s reached the provider", name)
	}
	assert.Equal(t, "beta=true", hit.RawQuery)
	assert.Equal(t, "kept", hit.Header.Get("OpenAI-Beta"))
	assert.Equal(t, "blue", hit.Header.Get("X-Team"))
}

func TestFailsOver(t *testing.T) {
	tests := map[string]struct {
		step  providertest.Step
		class provider.Class
	}{
		"rate limit":  {providertest.RateLimited(time.Minute), provider.ClassRateLimited},
		"no money":    {providertest.QuotaExhausted(), provider.ClassQuotaExhausted},
		"wrong key":   {providertest.Unauthorized(), provider.ClassAuthInvalid},
		"permission":  {providertest.PermissionDenied(), provider.ClassPermission},
		"model":       {providertest.ModelNotFound(), provider.ClassModelNotFound},
		"500":         {providertest.ServerError(), provider.ClassTransient},
		"overloaded":  {providertest.Overloaded(), provider.ClassOverloaded},
		"HTML 502":    {providertest.Status(502, http.Header{"Content-Type": {"text/html"}}, "<html>bad gateway"), provider.ClassTransient},
		"empty 529":   {providertest.Status(529, nil, ""), provider.ClassOverloaded},
		"timeout 408": {providertest.Status(408, nil, ""), provider.ClassTimeout},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			fake.ScriptFor("key-first", tt.step)
			lb := newTransport(t, over(fake, twoAccounts()...))
			ctx, trail := balancer.WithTrail(t.Context())
			status, _, err := send(ctx, t, lb)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, status)
			assert.Equal(t, []string{"first", "second"}, keysSeen(fake))

			attempts := trail.Attempts()
			require.Len(t, attempts, 2)
			assert.Equal(t, tt.class, attempts[0].Class)
			assert.False(t, attempts[0].Answered)
			assert.Equal(t, provider.ClassOK, attempts[1].Class)
			assert.True(t, attempts[1].Answered)
			assert.Equal(t, attempts[0].Request, attempts[1].Request)
		})
	}
}

func TestTheCallersFaultsAreAnsweredOnceAndHeldAgainstNobody(t *testing.T) {
	tests := map[string]providertest.Step{
		"invalid":  providertest.InvalidRequest(),
		"too long": providertest.ContextTooLong(),
		"policy":   providertest.ContentPolicy(),
	}
	for name, step := range tests {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			fake.AlwaysFor("key-first", step)
			lb := newTransport(t, over(fake, twoAccounts()...))
			for range 10 {
				resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
				require.NoError(t, err)
				body, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
				assert.Contains(t, string(body), `"error"`, "the provider's own words must reach the caller")
				assert.Equal(t, "false", resp.Header.Get("X-Should-Retry"))
			}
			assert.Equal(t, 10, fake.Count(), "each of them once, always at the first account")
			assert.Equal(t, 10, fake.CountFor("key-first"))
		})
	}
}

func TestAllFailing(t *testing.T) {
	t.Run("the last real answer is returned whole", func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		long := strings.Repeat("x", 200<<10) // longer than what is looked at
		fake.AlwaysFor("key-first", providertest.ServerError())
		fake.AlwaysFor("key-second", providertest.Status(503, nil, long))
		lb := newTransport(t, over(fake, twoAccounts()...))
		resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, 503, resp.StatusCode)
		assert.Equal(t, long, string(body))
		assert.Equal(t, "false", resp.Header.Get("X-Should-Retry"))
	})
	t.Run("an answer is preferred to a later failure without one", func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.AlwaysFor("key-first", providertest.RateLimited(time.Minute))
		cfg := over(fake, twoAccounts()...)
		cfg.RoundTripper = func(a balancer.Account) (http.RoundTripper, error) {
			if a.Name == "second" {
				return refusing, nil
			}
			return inMemory{fake}, nil
		}
		status, body, err := send(t.Context(), t, newTransport(t, cfg))
		require.NoError(t, err)
		assert.Equal(t, http.StatusTooManyRequests, status)
		assert.Contains(t, body, "rate_limit")
	})
	t.Run("no answer at all is an error with every attempt", func(t *testing.T) {
		cfg := over(nil, twoAccounts()...)
		cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) { return refusing, nil }
		_, _, err := send(t.Context(), t, newTransport(t, cfg))
		var failure *balancer.Error
		require.ErrorAs(t, err, &failure)
		require.Len(t, failure.Attempts, 2)
		assert.Equal(t, "first", failure.Attempts[0].Account)
		var phase *transport.Error
		require.ErrorAs(t, err, &phase)
		assert.Equal(t, transport.PhaseDialTarget, phase.Phase)
		for _, name := range []string{"first", "second", "dial-target"} {
			assert.ErrorContains(t, err, name)
		}
	})
	t.Run("at most MaxAttempts", func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Always(providertest.ServerError())
		cfg := over(fake, account("a"), account("b"), account("c"), account("d"), account("e"))
		_, _, err := send(t.Context(), t, newTransport(t, cfg))
		require.NoError(t, err)
		assert.Equal(t, 3, fake.Count(), "the default")
		cfg.MaxAttempts = 1
		_, _, err = send(t.Context(), t, newTransport(t, cfg))
		require.NoError(t, err)
		assert.Equal(t, 4, fake.Count())
	})
}

// refusing is a network in which nobody listens.
var refusing = transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return nil, &transport.Error{Phase: transport.PhaseDialTarget, Sent: transport.SentNo, Addr: r.URL.Host, Err: errBroken}
})

func TestSendsAgainOnlyWhatMay(t *testing.T) {
	const files = "https://api.openai.com/v1/files"
	sentUnanswered := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		return nil, &transport.Error{Phase: transport.PhaseWait, Sent: transport.SentYes, Addr: r.URL.Host, Err: io.ErrUnexpectedEOF}
	})
	tests := map[string]struct {
		url   string
		first http.RoundTripper // nil: the fake, which plays step
		step  providertest.Step
		want  []string
	}{
		"generation, sent, no answer":    {chatURL, sentUnanswered, providertest.OK(), []string{"second"}},
		"files, sent, no answer":         {files, sentUnanswered, providertest.OK(), nil},
		"files, never sent":              {files, refusing, providertest.OK(), []string{"second"}},
		"files, refused by a rate limit": {files, nil, providertest.RateLimited(time.Minute), []string{"first", "second"}},
		"files, broken while working":    {files, nil, providertest.ServerError(), []string{"first"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			fake.ScriptFor("key-first", tt.step)
			cfg := over(fake, twoAccounts()...)
			cfg.RoundTripper = func(a balancer.Account) (http.RoundTripper, error) {
				if a.Name == "first" && tt.first != nil {
					return tt.first, nil
				}
				return inMemory{fake}, nil
			}
			ctx, trail := balancer.WithTrail(t.Context())
			_, _, err := do(newTransport(t, cfg), newRequest(ctx, t, http.MethodPost, tt.url, chat))
			assert.Equal(t, tt.want, keysSeen(fake))
			if tt.want == nil {
				require.Error(t, err)
				require.Len(t, trail.Attempts(), 1)
				assert.True(t, trail.Attempts()[0].MaybeExecuted)
			}
		})
	}
}

func TestAnSDKsOwnRetryGetsOneAttempt(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	fake.Always(providertest.ServerError())
	lb := newTransport(t, over(fake, twoAccounts()...))
	req := newRequest(t.Context(), t, http.MethodPost, chatURL, chat)
	req.Header.Set("X-Stainless-Retry-Count", "1")
	_, _, err := do(lb, req)
	require.NoError(t, err)
	assert.Equal(t, 1, fake.Count())
}

func TestBodiesTooLongToKeep(t *testing.T) {
	long := `{"model":"gpt-5","messages":[{"role":"user","content":"` + strings.Repeat("x", 500) + `"}]}`
	tests := map[string]struct {
		body   io.Reader
		length int64 // as the request says
		want   []string
	}{
		"once, if it can be had once":        {io.MultiReader(strings.NewReader(long)), int64(len(long)), []string{"first"}},
		"once, of unknown length":            {io.MultiReader(strings.NewReader(long)), -1, []string{"first"}},
		"once, of a length that is left out": {io.MultiReader(strings.NewReader(long)), 0, []string{"first"}},
		"again, if it can be had again":      {strings.NewReader(long), int64(len(long)), []string{"first", "second"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			fake.ScriptFor("key-first", providertest.ServerError())
			accounts := twoAccounts()
			for i := range accounts {
				accounts[i].Models = map[string]string{"gpt-5": "a-model-with-a-longer-name"}
			}
			cfg := over(fake, accounts...)
			cfg.MaxReplay = 100
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, chatURL, tt.body)
			require.NoError(t, err)
			req.ContentLength = tt.length
			_, _, err = do(newTransport(t, cfg), req)
			require.NoError(t, err)
			assert.Equal(t, tt.want, keysSeen(fake))
			want := strings.Replace(long, "gpt-5", "a-model-with-a-longer-name", 1)
			for _, hit := range fake.Hits() {
				assert.Equal(t, want, string(hit.Body), "all of it arrives, kept or not")
				if tt.length > 0 {
					assert.EqualValues(t, len(want), hit.ContentLength)
				} else {
					assert.EqualValues(t, -1, hit.ContentLength)
				}
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	relay := provider.OpenAI.At("relay", "https://relay.example.com/v1")
	deeper := provider.OpenAI.At("deeper", "https://relay.example.com/v1/deep")
	lb := newTransport(t, over(fake,
		account("official"),
		account("relay", func(a *balancer.Account) { a.Provider, a.Priority = relay, 1 }),
		account("deeper", func(a *balancer.Account) { a.Provider, a.Priority = deeper, 2 }),
	))
	tests := map[string]struct {
		url  string
		want string // "": ErrNoRoute
		path string
	}{
		"the official base goes to any account of the API": {chatURL, "official", "/v1/chat/completions"},
		"another base goes to its accounts only":           {"https://relay.example.com/v1/chat/completions", "relay", "/v1/chat/completions"},
		"the longest base wins":                            {"https://relay.example.com/v1/deep/chat/completions", "deeper", "/v1/deep/chat/completions"},
		"another host":                                     {"https://evil.example.com/v1/chat/completions", "", ""},
		"another scheme":                                   {"http://relay.example.com/v1/chat/completions", "", ""},
		"a base is not a prefix of a word":                 {"https://relay.example.com/v11/chat/completions", "", ""},
		"another API":                                      {"https://api.anthropic.com/v1/messages", "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := fake.Count()
			_, _, err := do(lb, newRequest(t.Context(), t, http.MethodPost, tt.url, chat))
			if tt.want == "" {
				require.ErrorIs(t, err, balancer.ErrNoRoute)
				assert.Equal(t, before, fake.Count())
				return
			}
			require.NoError(t, err)
			hit := fake.Hits()[fake.Count()-1]
			assert.Equal(t, "key-"+tt.want, hit.Key)
		})
	}
	t.Run("priorities decide among all that speak the API", func(t *testing.T) {
		ctx := balancer.WithHint(t.Context(), balancer.Hint{Account: "deeper"})
		_, _, err := send(ctx, t, lb)
		require.NoError(t, err)
		hit := fake.Hits()[fake.Count()-1]
		assert.Equal(t, "key-deeper", hit.Key)
		assert.Equal(t, "relay.example.com", hit.Host)
	})
	t.Run("a query in an unknown URL is not shown", func(t *testing.T) {
		u := "https://evil.example.com/x?" + url.Values{"key": {"s3cret"}}.Encode()
		_, _, err := do(lb, newRequest(t.Context(), t, http.MethodGet, u, ""))
		require.ErrorIs(t, err, balancer.ErrNoRoute)
		assert.NotContains(t, err.Error(), "s3cret")
	})
}
