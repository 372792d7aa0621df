package balancer_test

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
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

func TestAProviderThatQuotesTheKeyDoesNotSpreadIt(t *testing.T) {
	const key = "relay-key-77" // nothing that looks like a key
	fake := providertest.OpenAI(providertest.Config{})
	fake.Always(providertest.Status(401, nil, `{"error":{"message":"Incorrect API key provided: `+key+`.","code":"`+key+`"}}`))
	lb := newTransport(t, over(fake, balancer.Account{Name: "main", Provider: provider.OpenAI, Secret: key}))
	ctx, trail := balancer.WithTrail(t.Context())
	for range 3 {
		_, _, _ = send(ctx, t, lb)
	}
	_, _, err := send(ctx, t, lb)
	require.Error(t, err)
	snapshot, err2 := lb.Snapshot(t.Context())
	require.NoError(t, err2)
	for what, v := range map[string]any{"error": err, "trail": trail, "attempts": trail.Attempts(), "snapshot": snapshot} {
		assert.NotContains(t, shownAs(v), key, what)
	}
	assert.Contains(t, trail.String(), "***")
}

// A direct account whose network is broken says nothing of accounts that reach the
// same provider by a proxy, even if they may go direct.
func TestRoutesAreSeparateFailureDomains(t *testing.T) {
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: providertest.OpenAI(providertest.Config{})})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	proxy, err := transporttest.NewProxy(transporttest.ProxyConfig{Scheme: "socks5"})
	require.NoError(t, err)
	defer func() { require.NoError(t, proxy.Close()) }()
	at := provider.OpenAI.At("fake", server.URL()+"/v1")
	broken := &brokenNetwork{}
	tests := map[string]func(*balancer.Account){
		"fixed proxy":   func(a *balancer.Account) { a.Proxy = proxy.URL() },
		"with fallback": func(a *balancer.Account) { a.Proxy, a.FallbackToDirect = proxy.URL(), true },
		"with a NoProxy": func(a *balancer.Account) {
			a.Proxy = proxy.URL()
			a.Transport = func(c *transport.Config) { c.NoProxy = "example.com" }
		},
	}
	for name, by := range tests {
		t.Run(name, func(t *testing.T) {
			direct := account("direct", priority(1), func(a *balancer.Account) {
				a.Provider, a.Proxy = at, "direct"
				a.Transport = func(c *transport.Config) { c.Dialer, c.Retries = broken, -1 }
			})
			behind := account("behind", priority(2), func(a *balancer.Account) { a.Provider = at }, by)
			lb := newTransport(t, balancer.Config{Accounts: []balancer.Account{direct, behind}})
			for range 12 {
				status, _, err := send(t.Context(), t, lb)
				require.NoError(t, err)
				assert.Equal(t, http.StatusOK, status)
			}
		})
	}
}

type brokenNetwork struct{ _ int }

func (*brokenNetwork) DialContext(context.Context, string, string) (net.Conn, error) {
	return nil, errBroken
}

func TestADeadProxyIsNotItsAccountsFaultAndOneFailureIsEnough(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: fake})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	dead, err := transporttest.NewProxy(transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	require.NoError(t, err)
	defer func() { require.NoError(t, dead.Close()) }()
	at := provider.OpenAI.At("fake", server.URL()+"/v1")
	var accounts []balancer.Account
	for _, name := range []string{"a", "b", "c"} {
		accounts = append(accounts, account(name, priority(1), func(a *balancer.Account) { a.Provider, a.Proxy = at, dead.URL() }))
	}
	accounts = append(accounts, account("spare", priority(9), func(a *balancer.Account) { a.Provider = at }))
	lb := newTransport(t, balancer.Config{Accounts: accounts})
	ctx, trail := balancer.WithTrail(t.Context())
	status, _, err := send(ctx, t, lb)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
	assert.Len(t, trail.Attempts(), 2, "the others behind the same proxy come last")
	for range 10 {
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
	}
	snapshot, err := lb.Snapshot(t.Context())
	require.NoError(t, err)
	for _, a := range snapshot.Accounts {
		assert.Equal(t, "closed", a.State, "%s has done nothing wrong", a.Name)
	}
}

func TestWhatTellsNothingOfAnAccountRestsNobody(t *testing.T) {
	tests := map[string]struct {
		url, body string
		step      providertest.Step
	}{
		"a key that may not list files": {"https://api.openai.com/v1/files", "", providertest.PermissionDenied()},
		"a model that cannot be read":   {"https://api.openai.com/v1/audio/transcriptions", "--x", providertest.ModelNotFound()},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			fake.ScriptFor("key-first", tt.step)
			fake.ScriptFor("key-second", tt.step)
			lb := newTransport(t, over(fake, twoAccounts()...))
			method := http.MethodPost
			if tt.body == "" {
				method = http.MethodGet
			}
			_, _, err := do(lb, newRequest(t.Context(), t, method, tt.url, tt.body))
			require.NoError(t, err)
			status, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, status)
		})
	}
	t.Run("a header that nobody can send", func(t *testing.T) {
		cfg, server := overNetwork(t, providertest.OpenAI(providertest.Config{}))
		lb := newTransport(t, cfg)
		for range 10 {
			req := newRequest(t.Context(), t, http.MethodPost, chatURL, chat)
			req.Header["X-Bad"] = []string{"a\nb"}
			_, _, err := do(lb, req)
			require.Error(t, err)
		}
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.Equal(t, 1, server.Accepted())
	})
	t.Run("an upload that the caller breaks off", func(t *testing.T) {
		cfg, _ := overNetwork(t, providertest.OpenAI(providertest.Config{}))
		cfg.MaxReplay = 10
		lb := newTransport(t, cfg)
		for range 10 {
			req := newRequest(t.Context(), t, http.MethodPost, chatURL, "")
			req.Body = io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat(" ", 100)), failingReader{}))
			req.GetBody, req.ContentLength = nil, -1
			_, _, err := do(lb, req)
			require.Error(t, err)
		}
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
	})
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errBroken }

// flaky yields its token only while it is up.
type flaky struct{ up bool }

func (f *flaky) Token(context.Context) (string, error) {
	if f.up {
		return "token", nil
	}
	return "", errBroken
}

func TestWhatDisablesAnAccountAndWhatEnablesIt(t *testing.T) {
	t.Run("a credential that cannot be had for a while", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			source := &flaky{}
			lb := newTransport(t, over(providertest.OpenAI(providertest.Config{}), balancer.Account{Name: "main", Provider: provider.OpenAI, Credential: source}))
			for range 10 {
				_, _, err := send(t.Context(), t, lb)
				require.Error(t, err)
			}
			source.up = true
			time.Sleep(time.Hour)
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
		})
	})
	refused := func(t *testing.T) (*balancer.Transport, *providertest.Fake) {
		t.Helper()
		fake := providertest.OpenAI(providertest.Config{})
		fake.AlwaysFor("key-main", providertest.Unauthorized())
		lb := newTransport(t, over(fake, account("main")))
		for range 2 { // one may be an incident; two in a row are not
			_, _, _ = send(t.Context(), t, lb)
			time.Sleep(time.Hour)
		}
		_, _, err := send(t.Context(), t, lb)
		require.ErrorIs(t, err, balancer.ErrNoAccount)
		require.ErrorContains(t, err, "disabled")
		return lb, fake
	}
	t.Run("a refused key, until it is another", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			lb, _ := refused(t)
			require.NoError(t, lb.SetAccounts([]balancer.Account{account("main")}))
			_, _, err := send(t.Context(), t, lb)
			require.Error(t, err, "the same key again changes nothing")
			require.NoError(t, lb.SetAccounts([]balancer.Account{account("main", func(a *balancer.Account) { a.Secret = "key-new" })}))
			_, _, err = send(t.Context(), t, lb)
			require.NoError(t, err)
		})
	})
	t.Run("a refused key, until a person says so", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			lb, fake := refused(t)
			fake.AlwaysFor("key-main", providertest.OK())
			require.Error(t, lb.Enable(t.Context(), "nobody"))
			require.NoError(t, lb.Enable(t.Context(), "main"))
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
		})
	})
	t.Run("no money: asked again after a while, and paid by then", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			fake.Script(providertest.QuotaExhausted())
			lb := newTransport(t, over(fake, account("main")))
			_, _, _ = send(t.Context(), t, lb)
			_, _, err := send(t.Context(), t, lb)
			require.ErrorIs(t, err, balancer.ErrNoAccount)
			time.Sleep(2 * time.Hour)
			_, _, err = send(t.Context(), t, lb)
			require.NoError(t, err)
		})
	})
	t.Run("no money, twice: until a person says so", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			fake.Script(providertest.QuotaExhausted(), providertest.QuotaExhausted())
			lb := newTransport(t, over(fake, account("main")))
			for range 3 {
				_, _, _ = send(t.Context(), t, lb)
				time.Sleep(2 * time.Hour)
			}
			_, _, err := send(t.Context(), t, lb)
			require.ErrorIs(t, err, balancer.ErrNoAccount)
			require.ErrorContains(t, err, "disabled")
			require.Equal(t, 2, fake.Count())
			require.NoError(t, lb.Enable(t.Context(), "main"))
			_, _, err = send(t.Context(), t, lb)
			require.NoError(t, err)
		})
	})
}

func TestRetryAfterIsHeededOnEveryStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.ScriptFor("key-first", providertest.Status(503, http.Header{"Retry-After": {"60"}}, `{"error":{"message":"busy"}}`))
		lb := newTransport(t, over(fake, twoAccounts()...))
		for range 3 {
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
		}
		assert.Equal(t, 1, fake.CountFor("key-first"))
	})
}

func TestUsageIsReadThoughTheCallerAsksForGzip(t *testing.T) {
	asked := ""
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Accept-Encoding")
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip") // unasked
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, `{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6,"total_tokens":11}}`)
		_ = z.Close()
	})
	lb := newTransport(t, over(h, account("main")))
	ctx, trail := balancer.WithTrail(t.Context())
	req := newRequest(ctx, t, http.MethodPost, chatURL, chat)
	req.Header.Set("Accept-Encoding", "gzip")
	_, body, err := do(lb, req)
	require.NoError(t, err)
	assert.Contains(t, body, `"total_tokens":11`)
	assert.Equal(t, "identity", asked)
	assert.EqualValues(t, 11, trail.Attempts()[0].Usage.Total())
}

func TestPanicsLeakNothing(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, account("main"))
	boom := true
	cfg.Attempt = []transport.Middleware{func(next http.RoundTripper) http.RoundTripper {
		return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			if boom {
				panic(http.ErrAbortHandler)
			}
			return next.RoundTrip(r)
		})
	}}
	lb := newTransport(t, cfg)
	assert.Panics(t, func() { _, _, _ = send(t.Context(), t, lb) })
	s, err := lb.Snapshot(t.Context())
	require.NoError(t, err)
	assert.Zero(t, s.Accounts[0].InFlight)
	boom = false
	_, _, err = send(t.Context(), t, lb)
	require.NoError(t, err)
	require.NoError(t, lb.Shutdown(t.Context()), "no request is thought to be under way")
}

func TestOddRoundTrippers(t *testing.T) {
	tests := map[string]transport.RoundTripperFunc{
		"nothing at all": func(*http.Request) (*http.Response, error) { return nil, nil },
		"no body, no header": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusInternalServerError}, nil
		},
		"an answer and an error": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, errBroken
		},
	}
	for name, odd := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := over(nil, twoAccounts()...)
			fake := providertest.OpenAI(providertest.Config{})
			cfg.RoundTripper = func(a balancer.Account) (http.RoundTripper, error) {
				if a.Name == "first" {
					return odd, nil
				}
				return inMemory{fake}, nil
			}
			status, _, err := send(t.Context(), t, newTransport(t, cfg))
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, status)
		})
	}
}

func TestOneRelayForTwoAPIs(t *testing.T) {
	openai, anthropic := providertest.OpenAI(providertest.Config{}), providertest.Anthropic(providertest.Config{})
	cfg := balancer.Config{
		Accounts: []balancer.Account{
			{Name: "o", Provider: provider.OpenAI.At("relay-o", "https://relay.example.com/v1"), Secret: "o"},
			{Name: "o2", Provider: provider.OpenAI.At("relay-o2", "https://RELAY.example.com/v1/"), Secret: "o2", Priority: 1},
			{Name: "a", Provider: provider.Anthropic.At("relay-a", "https://relay.example.com"), Secret: "a"},
		},
		RoundTripper: func(a balancer.Account) (http.RoundTripper, error) {
			if a.Name == "a" {
				return inMemory{anthropic}, nil
			}
			return inMemory{openai}, nil
		},
	}
	lb := newTransport(t, cfg)
	req := newRequest(t.Context(), t, http.MethodPost, "https://relay.example.com/v1/messages", `{"model":"claude-sonnet-5","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`)
	req.Header.Set("Anthropic-Version", "2023-06-01")
	status, _, err := do(lb, req)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "a", anthropic.Hits()[0].Key)
	assert.Zero(t, openai.Count(), "the other API's key goes nowhere")

	openai.ScriptFor("o", providertest.ServerError())
	_, _, err = do(lb, newRequest(t.Context(), t, http.MethodPost, "https://relay.example.com/v1/chat/completions", chat))
	require.NoError(t, err)
	assert.Equal(t, 1, openai.CountFor("o2"), "one base, however it is spelt")
}

func TestShutdownWaitsWhateverCarriesTheRequests(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake, account("main")))
	resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, lb.Shutdown(ctx), context.DeadlineExceeded)
	require.NoError(t, resp.Body.Close())
	require.NoError(t, lb.Shutdown(t.Context()))
	_, _, err = send(t.Context(), t, lb)
	require.ErrorIs(t, err, balancer.ErrClosed)
}

func TestADeadlineIsLearntFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.AlwaysFor("key-first", providertest.Hang())
		cfg := over(fake, twoAccounts()...)
		cfg.Deadline = 10 * time.Second
		lb := newTransport(t, cfg)
		failed := 0
		for range 20 {
			if _, _, err := send(t.Context(), t, lb); err != nil {
				failed++
			}
		}
		assert.LessOrEqual(t, failed, 6, "a silent account rests, and the other serves")
	})
}
