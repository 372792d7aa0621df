package balancer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// answers is a handler that gives every request this answer.
func answers(status int, body string, header ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

const goodList = `{"object":"list","data":[{"id":"gpt-5"}]}`

// TestCheckFindsWhatIsWrong: each answer gives its verdict and what to do about it.
func TestCheckFindsWhatIsWrong(t *testing.T) {
	tests := map[string]struct {
		answer  http.Handler
		class   provider.Class
		do      provider.Remedy
		says    string
		reached int // the status
	}{
		"well":             {answers(200, goodList), provider.ClassOK, provider.RemedyNothing, "", 200},
		"a wrong key":      {answers(401, `{"error":{"code":"invalid_api_key","message":"Incorrect API key provided: key-first"}}`), provider.ClassAuthInvalid, provider.RemedyLogin, "***", 401},
		"a restricted key": {answers(403, `{"error":{"code":"missing_scope","message":"You have insufficient permissions","type":"invalid_request_error"}}`), provider.ClassPermission, provider.RemedyPermit, "may not list models", 403},
		"no money":         {answers(402, `{"error":{"message":"Insufficient Balance"}}`), provider.ClassQuotaExhausted, provider.RemedyPay, "Insufficient", 402},
		"too often":        {answers(429, `{"error":{"code":"rate_limit_exceeded","message":"slow"}}`, "Retry-After", "30"), provider.ClassRateLimited, provider.RemedyWait, "slow", 429},
		"a firewall":       {answers(403, `<html><title>Just a moment...</title></html>`, "Content-Type", "text/html"), provider.ClassEgressBlocked, provider.RemedyRoute, "", 403},
		"a portal":         {answers(200, `<html>Please log in to the hotel's network</html>`), provider.ClassEgressBlocked, provider.RemedyRoute, "web page", 200},
		"a redirect":       {answers(302, ``, "Location", "https://elsewhere.example.com/?key=x"), provider.ClassUnknown, provider.RemedyCheck, "elsewhere.example.com", 302},
		"1 MiB":            {answers(200, `{"data":[`+strings.Repeat(`{"id":"m"},`, 1<<20/11)+`{}]}`), provider.ClassOK, provider.RemedyNothing, "", 200},
		"1 MiB of error":   {answers(500, strings.Repeat("x", 1<<20)), provider.ClassTransient, provider.RemedyWait, "", 500},
		"cut": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"da`)
			panic(http.ErrAbortHandler)
		}), provider.ClassTransient, provider.RemedyWait, "", 200},
		"cut, of an error": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":{"code":"invalid_api_key"`)
			panic(http.ErrAbortHandler)
		}), provider.ClassAuthInvalid, provider.RemedyLogin, "", 401},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			lb := newTransport(t, over(tt.answer, account("first")))
			report, err := lb.Check(t.Context(), "first")
			require.NoError(t, err)
			require.Len(t, report.Probes, 1)
			p := report.Probes[0]
			assert.Equal(t, tt.class.String(), p.Class.String())
			assert.Equal(t, p.Class, p.Verdict.Class)
			assert.Equal(t, tt.do, p.Advice.Do)
			assert.NotEmpty(t, p.Advice.Text)
			assert.Contains(t, p.Message, tt.says)
			assert.True(t, p.Reached)
			assert.Equal(t, tt.reached, p.Status)
			assert.Equal(t, tt.class == provider.ClassOK, report.OK())
			text, err := json.Marshal(report)
			require.NoError(t, err)
			assert.NotContains(t, string(text)+fmt.Sprintf("%+v", report), "key-first")
		})
	}
}

// TestCheckIsBoundedInTime: ten seconds for an answer that does not come, or does
// not end, or for a token; less if the context says so.
func TestCheckIsBoundedInTime(t *testing.T) {
	silent := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	trickle := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			_, _ = io.WriteString(w, " ")
			select {
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			case <-time.After(time.Second):
			}
		}
	})
	noToken := provider.CredentialFunc(func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() })
	tests := map[string]struct {
		answer     http.Handler
		credential provider.Credential
		status     int
		class      provider.Class
		do         provider.Remedy
	}{
		"no answer":       {silent, nil, 0, provider.ClassTimeout, provider.RemedyWait},
		"an endless body": {trickle, nil, 200, provider.ClassTimeout, provider.RemedyWait},
		"no token":        {silent, noToken, 0, provider.ClassTransient, provider.RemedyLogin},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := account("first")
				if tt.credential != nil {
					a.Secret, a.Credential = "", tt.credential
				}
				lb, err := balancer.New(over(tt.answer, a))
				require.NoError(t, err)
				defer func() { require.NoError(t, lb.Close()) }()
				for limit, within := range map[time.Duration]time.Duration{time.Hour: 10 * time.Second, 3 * time.Second: 3 * time.Second} {
					ctx, cancel := context.WithTimeout(t.Context(), limit)
					start := time.Now()
					report, err := lb.Check(ctx, "first")
					cancel()
					require.NoError(t, err)
					assert.Equal(t, within, time.Since(start))
					p := report.Probes[0]
					assert.Equal(t, tt.status, p.Status)
					assert.Equal(t, tt.class.String(), p.Class.String())
					assert.Equal(t, tt.do, p.Advice.Do)
					assert.Equal(t, within, p.Duration)
					assert.Equal(t, within.Milliseconds(), p.DurationMs)
					assert.ErrorIs(t, p.Err, context.DeadlineExceeded)
				}
			})
		})
	}
}

// TestCheckReadsLittleOfABody: an answer that never ends is left after 64 KiB.
func TestCheckReadsLittleOfABody(t *testing.T) {
	var sent atomic.Int64
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":[`)
		for chunk := []byte(strings.Repeat(`{"id":"m"},`, 100)); ; {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	lb := newTransport(t, over(endless, account("first")))
	report, err := lb.Check(t.Context(), "first")
	require.NoError(t, err)
	assert.True(t, report.OK(), "what came of it suffices")
	assert.Less(t, sent.Load(), int64(128<<10))
}

// TestCheckChangesNothing: no layer, hook, limit or state sees a check.
func TestCheckChangesNothing(t *testing.T) {
	var layers, hooks atomic.Int64
	cfg := over(answers(401, `{"error":{"code":"invalid_api_key","message":"no"}}`), account("first"))
	cfg.Attempt = []transport.Middleware{func(next http.RoundTripper) http.RoundTripper {
		return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) { layers.Add(1); return next.RoundTrip(r) })
	}}
	cfg.Hooks.Attempt = func(context.Context, balancer.Attempt) { hooks.Add(1) }
	lb := newTransport(t, cfg)
	for range 5 {
		report, err := lb.Check(t.Context(), "first")
		require.NoError(t, err)
		require.False(t, report.OK())
		_, err = lb.ListModels(t.Context(), "first")
		require.Error(t, err)
	}
	assert.Zero(t, layers.Load())
	assert.Zero(t, hooks.Load())
	s, err := lb.Snapshot(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "closed", s.Accounts[0].State)
	assert.Zero(t, s.Accounts[0].InFlight)
}

func TestCheckRefuses(t *testing.T) {
	var asked atomic.Int64
	count := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	own := *provider.OpenAI.API
	own.Name = "own"
	nobody := &provider.Provider{Name: "nobody", BaseURL: "https://nobody.example", API: &own}
	lb := newTransport(t, over(count, account("first"), account("own", func(a *balancer.Account) { a.Provider = nobody })))

	_, err := lb.Check(t.Context(), "ghost")
	require.ErrorContains(t, err, `no account is named "ghost"`)
	_, err = lb.Check(t.Context(), "own")
	require.ErrorContains(t, err, "no probe is known")
	good, _ := provider.LookupProbe("openai key")
	_, err = lb.Check(t.Context(), "first", good, provider.Probe{Name: "bad"})
	require.ErrorContains(t, err, `probe "bad"`)
	_, err = lb.ListModels(t.Context(), "own")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = lb.Balance(t.Context(), "first")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	assert.Zero(t, asked.Load(), "nothing was asked")

	require.NoError(t, lb.Close())
	_, err = lb.Check(t.Context(), "first")
	require.ErrorIs(t, err, balancer.ErrClosed)
	_, err = lb.ListModels(t.Context(), "first")
	require.ErrorIs(t, err, balancer.ErrClosed)
}

// TestCheckEndsWithClose: a check is a call as any other.
func TestCheckEndsWithClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		lb, err := balancer.New(over(silent, account("first")))
		require.NoError(t, err)
		time.AfterFunc(time.Second, func() { _ = lb.Close() })
		report, err := lb.Check(t.Context(), "first")
		require.NoError(t, err)
		assert.Equal(t, provider.ClassCanceled.String(), report.Probes[0].Class.String())
		assert.Equal(t, provider.RemedyNothing, report.Probes[0].Advice.Do)
		assert.Equal(t, time.Second, report.Probes[0].Duration)
	})
}

// TestCheckUsesWhatWasChosen: undocumented probes are asked if they are given, with
// the credential as they show it, and disabled accounts are checked too.
func TestCheckUsesWhatWasChosen(t *testing.T) {
	seen := make(chan *http.Request, 1)
	usage := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		_, _ = io.WriteString(w, `{"five_hour":{"utilization":100,"resets_at":"2099-01-01T00:00:00Z"},"seven_day":{"utilization":4}}`)
	})
	a := account("plan", func(a *balancer.Account) {
		a.Provider, a.Disabled = provider.Anthropic, true
		a.Header = http.Header{"X-Tenant": {"blue"}, "anthropic-beta": {"mine"}}
	})
	p, ok := provider.LookupProbe("claude plan usage")
	require.True(t, ok)
	lb := newTransport(t, over(usage, a))
	report, err := lb.Check(t.Context(), "plan", p)
	require.NoError(t, err)
	assert.Equal(t, provider.ClassQuotaExhausted.String(), report.Probes[0].Class.String())
	assert.Equal(t, "claude plan usage", report.Probes[0].Probe)
	r := <-seen
	assert.Equal(t, "/api/oauth/usage", r.URL.Path)
	assert.Equal(t, "Bearer key-plan", r.Header.Get("Authorization"))
	assert.Empty(t, r.Header.Get("X-Api-Key"))
	assert.Equal(t, "blue", r.Header.Get("X-Tenant"))
	assert.Equal(t, "mine", r.Header.Get("Anthropic-Beta"), "the account has the last word")

	p.Path, p.Root, p.URL = "", false, "https://usage.example.com/"
	_, err = lb.Check(t.Context(), "plan", p)
	require.NoError(t, err)
	r = <-seen
	assert.Equal(t, "usage.example.com", r.Host)
	assert.Equal(t, "Bearer key-plan", r.Header.Get("Authorization"), "the probe names the host")
	assert.Empty(t, r.Header.Get("X-Tenant"), "what the account adds is for its own provider")
}

// TestCheckQuotesNoCredential: wherever it stands in what comes back.
func TestCheckQuotesNoCredential(t *testing.T) {
	const key = "sk-" + secretMark
	by := func(a *balancer.Account) { a.Secret = key }
	for name, cfg := range map[string]balancer.Config{
		"an answer": over(answers(400, `{"error":{"code":"`+secretMark+`","message":"you sent `+key+` and `+secretMark+`"}}`), account("first", by)),
		"an error": {
			Accounts: []balancer.Account{account("first", by)},
			RoundTripper: func(balancer.Account) (http.RoundTripper, error) {
				return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
					return nil, fmt.Errorf("cannot send %v", r.Header)
				}), nil
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			lb := newTransport(t, cfg)
			report, err := lb.Check(t.Context(), "first")
			require.NoError(t, err)
			text, err := json.Marshal(report)
			require.NoError(t, err)
			_, err = lb.ListModels(t.Context(), "first")
			require.Error(t, err)
			everything := string(text) + fmt.Sprintf("%+v %v", report, err)
			assert.NotContains(t, everything, key)
			if name == "an error" {
				assert.Contains(t, everything, "cannot send")
			}
		})
	}
}

// TestCheckAccountBeforeItIsSaved: an account that no Transport has is reached as
// one would reach it, and nothing of it stays.
func TestCheckAccountBeforeItIsSaved(t *testing.T) {
	report, err := balancer.CheckAccount(t.Context(), over(answers(200, goodList)), account("new"))
	require.NoError(t, err)
	assert.True(t, report.OK())
	assert.Equal(t, "new", report.Account)
	assert.Equal(t, "openai", report.Provider)

	_, err = balancer.CheckAccount(t.Context(), balancer.Config{}, balancer.Account{Name: "new"})
	require.ErrorContains(t, err, "Provider")

	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: answers(200, goodList)})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	dead, err := transporttest.NewProxy(transporttest.ProxyConfig{User: "u", Password: secretMark, Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	require.NoError(t, err)
	defer func() { require.NoError(t, dead.Close()) }()
	at := provider.OpenAI.At("here", server.URL()+"/v1")
	for name, tt := range map[string]struct {
		proxy string
		class provider.Class
		do    provider.Remedy
		by    string
	}{
		"direct":       {"direct", provider.ClassOK, provider.RemedyNothing, "direct"},
		"a dead proxy": {dead.URL(), provider.ClassProxyFailed, provider.RemedyRoute, strings.Replace(dead.URL(), secretMark, "***", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			report, err := balancer.CheckAccount(t.Context(), balancer.Config{}, account("new", func(a *balancer.Account) { a.Provider, a.Proxy = at, tt.proxy }))
			require.NoError(t, err)
			p := report.Probes[0]
			assert.Equal(t, tt.class.String(), p.Class.String())
			assert.Equal(t, tt.do, p.Advice.Do)
			assert.Equal(t, tt.by, p.Proxy)
			assert.Equal(t, tt.class == provider.ClassOK, p.Reached)
			var text bytes.Buffer
			fmt.Fprintf(&text, "%+v %v", report, p.Err)
			assertNoSecret(t, "the report", text.String())
		})
	}
	require.NoError(t, server.Wait(t.Context(), func(s transporttest.Stats) bool { return s.Open == 0 }), "no connection stays")
}

// TestCheckTellsOfAFallback: a proxy that is dead shows, even where an answer came.
func TestCheckTellsOfAFallback(t *testing.T) {
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: answers(200, goodList)})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	dead, err := transporttest.NewProxy(transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	require.NoError(t, err)
	defer func() { require.NoError(t, dead.Close()) }()
	report, err := balancer.CheckAccount(t.Context(), balancer.Config{}, account("new", func(a *balancer.Account) {
		a.Provider, a.Proxy, a.FallbackToDirect = provider.OpenAI.At("here", server.URL()+"/v1"), dead.URL(), true
	}))
	require.NoError(t, err)
	assert.True(t, report.OK())
	assert.Equal(t, "direct", report.Probes[0].Proxy)
	assert.Contains(t, report.Probes[0].Fallback, dead.Addr())
}
