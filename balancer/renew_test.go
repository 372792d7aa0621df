package balancer_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
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
)

const authURL = "https://auth.example.test/token"

// authServer is a token endpoint in memory, beside a fake provider. The n-th token
// that it gives is access-n.
type authServer struct {
	fake http.Handler

	mu     sync.Mutex
	asked  int
	answer func(n int, w http.ResponseWriter) // nil: a token
}

func (a *authServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Host != "auth.example.test" {
		a.fake.ServeHTTP(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	a.mu.Lock()
	a.asked++
	n, answer := a.asked, a.answer
	a.mu.Unlock()
	if answer != nil {
		answer(n, w)
		return
	}
	fmt.Fprintf(w, `{"access_token":"access-%d","expires_in":3600}`, n)
}

func (a *authServer) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

func (a *authServer) set(answer func(n int, w http.ResponseWriter)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = answer
}

// refuse answers with an error of RFC 6749.
func refuse(status int, code string) func(int, http.ResponseWriter) {
	return func(_ int, w http.ResponseWriter) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":%q}`, code)
	}
}

// login is an OAuth credential that is closed with the test.
func login(t *testing.T, change ...func(*provider.OAuthConfig)) *provider.OAuth {
	t.Helper()
	c := provider.OAuthConfig{TokenURL: authURL, RefreshToken: "refresh", AccessToken: "access-0"}
	for _, f := range change {
		f(&c)
	}
	o, err := provider.NewOAuth(c)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, o.Close()) })
	return o
}

func with(c provider.Credential) func(*balancer.Account) {
	return func(a *balancer.Account) { a.Secret, a.Credential = "", c }
}

// stateOf is the first account's state in a snapshot.
func stateOf(t *testing.T, lb *balancer.Transport) string {
	t.Helper()
	snapshot, err := lb.Snapshot(t.Context())
	require.NoError(t, err)
	require.Equal(t, "first", snapshot.Accounts[0].Name)
	return snapshot.Accounts[0].State
}

func TestManyRequestsWithAnExpiredTokenCostOneRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{Keys: []string{"access-1"}})
		auth := &authServer{fake: fake}
		auth.set(func(n int, w http.ResponseWriter) {
			time.Sleep(time.Second)
			fmt.Fprintf(w, `{"access_token":"access-%d","expires_in":3600}`, n)
		})
		lb := newTransport(t, over(auth, account("main", with(login(t, func(c *provider.OAuthConfig) { c.Expiry = time.Now() })))))
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				status, _, err := send(t.Context(), t, lb)
				assert.NoError(t, err)
				assert.Equal(t, http.StatusOK, status)
			})
		}
		wg.Wait()
		assert.Equal(t, 1, auth.count())
		assert.Equal(t, 50, fake.Count())
	})
}

func TestARefusedTokenIsRenewedOnceAndTheRequestSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{Keys: []string{"access-1", "key-second"}})
		auth := &authServer{fake: fake}
		cfg := over(auth, account("first", priority(1), with(login(t))), account("second", priority(2)))
		var layers []string
		cfg.Attempt = []transport.Middleware{func(next http.RoundTripper) http.RoundTripper {
			return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				layers = append(layers, r.Host)
				return next.RoundTrip(r)
			})
		}}
		lb := newTransport(t, cfg)
		ctx, trail := balancer.WithTrail(t.Context())
		status, body, err := send(ctx, t, lb)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status)
		assert.Contains(t, body, "Hello")
		assert.Equal(t, 1, auth.count())
		attempts := trail.Attempts()
		require.Len(t, attempts, 1, "it does not count as a failure")
		assert.True(t, attempts[0].Renewed)
		assert.Equal(t, http.StatusOK, attempts[0].Status)
		var sent []string
		for _, h := range fake.Hits() {
			sent = append(sent, h.Key+" "+string(h.Body))
		}
		assert.Equal(t, []string{"access-0 " + chat, "access-1 " + chat}, sent)
		assert.Equal(t, []string{"api.openai.com", "api.openai.com"}, layers, "they see attempts, not renewals")
		assert.Equal(t, "closed", stateOf(t, lb))
	})
}

func TestATokenThatIsRefusedAfterItsRenewalIsTheAccountsFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{Keys: []string{"key-second"}})
		auth := &authServer{fake: fake}
		lb := newTransport(t, over(auth, account("first", priority(1), with(login(t))), account("second", priority(2))))
		ctx, trail := balancer.WithTrail(t.Context())
		status, _, err := send(ctx, t, lb)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status, "the next account answers")
		assert.Equal(t, 1, auth.count())
		attempts := trail.Attempts()
		require.Len(t, attempts, 2)
		assert.Equal(t, provider.ClassAuthInvalid, attempts[0].Class)
		assert.True(t, attempts[0].Renewed)
		for _, token := range []string{"access-0", "access-1"} {
			assert.NotContains(t, shownAs(attempts), token)
		}
		assert.Equal(t, "open", stateOf(t, lb))
		time.Sleep(time.Minute)
		_, _, err = send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.Equal(t, 2, auth.count())
		assert.Equal(t, "disabled", stateOf(t, lb))
	})
}

func TestALoginThatIsNoLongerValidDisablesItsAccount(t *testing.T) {
	for code, advice := range map[string]string{
		"invalid_grant": "log in again", "refresh_token_reused": "log in again", "invalid_client": "check ClientID",
	} {
		for name, expiry := range map[string]time.Time{"expired": time.Unix(1, 0), "refused": {}} {
			t.Run(code+" "+name, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{Keys: []string{"key-second"}})
				auth := &authServer{fake: fake}
				auth.set(func(_ int, w http.ResponseWriter) {
					w.WriteHeader(http.StatusBadRequest)
					fmt.Fprintf(w, `{"error":%q,"error_description":%q}`, code, strings.Repeat("very long ", 100))
				})
				first := account("first", priority(1), with(login(t, func(c *provider.OAuthConfig) { c.Expiry = expiry })))
				lb := newTransport(t, over(auth, first, account("second", priority(2))))
				for range 5 {
					status, _, err := send(t.Context(), t, lb)
					require.NoError(t, err)
					assert.Equal(t, http.StatusOK, status)
				}
				assert.Equal(t, 1, auth.count(), "never asked again")
				assert.Equal(t, "disabled", stateOf(t, lb))
				_, _, err := send(balancer.WithHint(t.Context(), balancer.Hint{Account: "first"}), t, lb)
				require.ErrorIs(t, err, balancer.ErrNoAccount)
				for _, want := range []string{`first: disabled: no credential: `, code, authURL, advice} {
					assert.ErrorContains(t, err, want)
				}
			})
		}
	}
	t.Run("until it has another one", func(t *testing.T) {
		auth := &authServer{fake: providertest.OpenAI(providertest.Config{Keys: []string{"access-9"}})}
		auth.set(refuse(400, "invalid_grant"))
		lb := newTransport(t, over(auth, account("first", with(login(t)))))
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		require.Equal(t, "disabled", stateOf(t, lb))
		again := login(t, func(c *provider.OAuthConfig) { c.AccessToken = "access-9" })
		require.NoError(t, lb.SetAccounts([]balancer.Account{account("first", with(again))}))
		status, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status)
	})
}

// A token endpoint that is down, for however long, costs the account its use and
// nothing else.
func TestATokenEndpointThatIsDownDisablesNobody(t *testing.T) {
	down := map[string]func(int, http.ResponseWriter){
		"503":      refuse(503, "temporarily_unavailable"),
		"429":      refuse(429, "slow_down"),
		"403 HTML": func(_ int, w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden); fmt.Fprint(w, "<html>") },
		"broken":   func(int, http.ResponseWriter) { panic(http.ErrAbortHandler) },
	}
	for name, answer := range down {
		for when, expiry := range map[string]time.Time{"expired": time.Unix(1, 0), "refused": {}} {
			t.Run(name+" "+when, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					auth := &authServer{fake: providertest.OpenAI(providertest.Config{Keys: []string{"access-100", "key-second"}})}
					auth.set(answer)
					first := account("first", priority(1), with(login(t, func(c *provider.OAuthConfig) { c.Expiry = expiry })))
					lb := newTransport(t, over(auth, first, account("second", priority(2))))
					for range 200 {
						status, _, err := send(t.Context(), t, lb)
						require.NoError(t, err)
						require.Equal(t, http.StatusOK, status)
						require.NotEqual(t, "disabled", stateOf(t, lb))
						time.Sleep(10 * time.Second)
					}
					assert.Less(t, auth.count(), 20, "less and less often")
					auth.set(func(_ int, w http.ResponseWriter) { fmt.Fprint(w, `{"access_token":"access-100"}`) })
					time.Sleep(time.Hour)
					ctx, trail := balancer.WithTrail(t.Context())
					_, _, err := send(ctx, t, lb)
					require.NoError(t, err)
					assert.Equal(t, "first", trail.Attempts()[0].Account)
					assert.Equal(t, http.StatusOK, trail.Attempts()[0].Status)
				})
			})
		}
	}
}

// The answer that refused a token is an answer: the caller gets it when nobody has a
// better one.
func TestARefusalThatCannotBeMendedReachesTheCaller(t *testing.T) {
	auth := &authServer{fake: providertest.OpenAI(providertest.Config{Keys: []string{"none"}})}
	auth.set(refuse(503, "down"))
	lb := newTransport(t, over(auth, account("first", with(login(t)))))
	ctx, trail := balancer.WithTrail(t.Context())
	status, body, err := send(ctx, t, lb)
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.Contains(t, body, "invalid_api_key")
	a := trail.Attempts()[0]
	assert.Equal(t, provider.ClassTransient, a.Class)
	assert.Contains(t, a.Reason, "its token was refused and cannot be renewed")
	assert.False(t, a.MaybeExecuted)
}

func TestABodyThatCanBeHadOnceIsNotSentAgain(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{Keys: []string{"access-1"}})
	auth := &authServer{fake: fake}
	cfg := over(auth, account("first", with(login(t))))
	cfg.MaxReplay = 10
	lb := newTransport(t, cfg)
	r := newRequest(t.Context(), t, http.MethodPost, chatURL, chat)
	r.GetBody = nil
	status, _, err := do(lb, r)
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.Equal(t, 1, auth.count(), "for the next request")
	assert.Equal(t, 1, fake.Count())

	fake = providertest.OpenAI(providertest.Config{Keys: []string{"access-1"}})
	cfg = over(&authServer{fake: fake}, account("first", with(login(t))))
	cfg.MaxReplay = 10
	r = newRequest(t.Context(), t, http.MethodPost, chatURL, chat) // this one brings a GetBody
	lb = newTransport(t, cfg)
	status, _, err = do(lb, r)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, chat, string(fake.Hits()[1].Body))
}

// What is no refusal of the token, or no token that can be renewed, renews nothing.
func TestNothingIsRenewedWithoutNeed(t *testing.T) {
	for name, c := range map[string]struct {
		step       providertest.Step
		credential func(*testing.T) provider.Credential
	}{
		"403":             {providertest.PermissionDenied(), func(t *testing.T) provider.Credential { t.Helper(); return login(t) }},
		"429":             {providertest.RateLimited(time.Minute), func(t *testing.T) provider.Credential { t.Helper(); return login(t) }},
		"a plain key":     {providertest.Unauthorized(), func(*testing.T) provider.Credential { return provider.Key("access-0") }},
		"400 about a key": {providertest.Status(400, nil, `{"error":{"code":"invalid_api_key","message":"No."}}`), func(t *testing.T) provider.Credential { t.Helper(); return login(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			fake.Always(c.step)
			auth := &authServer{fake: fake}
			lb := newTransport(t, over(auth, account("first", with(c.credential(t)))))
			_, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
			assert.Zero(t, auth.count())
			assert.Equal(t, 1, fake.Count())
		})
	}
	t.Run("an account that is closed for good", func(t *testing.T) {
		auth := &authServer{fake: providertest.OpenAI(providertest.Config{Keys: []string{"none"}})}
		own := *provider.OpenAI
		own.Classify = func(provider.Answer) provider.Verdict {
			return provider.Verdict{Class: provider.ClassAuthInvalid, Scope: provider.ScopeAccount, Permanent: true}
		}
		lb := newTransport(t, over(auth, account("first", with(login(t)), func(a *balancer.Account) { a.Provider = &own })))
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.Zero(t, auth.count())
		assert.Equal(t, "disabled", stateOf(t, lb), "at once")
	})
}

// Each API takes its OAuth tokens as it wants them.
func TestOAuthTokensOfEachAPI(t *testing.T) {
	const messages = `{"model":"claude-x","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}`
	for name, c := range map[string]struct {
		at         *provider.Provider
		fake       *providertest.Fake
		token, url string
		body       string
		header     http.Header
	}{
		"anthropic": {
			provider.Anthropic, providertest.Anthropic(providertest.Config{}), "sk-ant-oat01-x",
			"https://api.anthropic.com/v1/messages", messages, http.Header{"Anthropic-Version": {"2023-06-01"}, "Anthropic-Beta": {"theirs"}},
		},
		"gemini": {
			provider.Gemini, providertest.Gemini(providertest.Config{}), "ya29.x",
			"https://generativelanguage.googleapis.com/v1beta/models/g:generateContent", `{"contents":[{"parts":[{"text":"hi"}]}]}`, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			auth := &authServer{fake: c.fake}
			auth.set(func(_ int, w http.ResponseWriter) { fmt.Fprintf(w, `{"access_token":%q}`, c.token) })
			o := login(t, func(c *provider.OAuthConfig) { c.AccessToken = "" })
			lb := newTransport(t, over(auth, balancer.Account{Name: "main", Provider: c.at, Credential: o}))
			r := newRequest(t.Context(), t, http.MethodPost, c.url, c.body)
			for name, values := range c.header {
				r.Header[name] = values
			}
			status, body, err := do(lb, r)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status, body)
			hit := c.fake.Hits()[0]
			assert.Equal(t, c.token, hit.Key)
			assert.Equal(t, http.Header{"Authorization": {"Bearer " + c.token}}, hit.Credentials)
			if name == "anthropic" {
				assert.Equal(t, "theirs,oauth-2025-04-20", hit.Header.Get("Anthropic-Beta"))
			}
		})
	}
}

// A key in a file that was changed a moment ago is found when the old one is refused.
func TestAFileIsReadAgainOnARefusal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte("key-old"), 0o600))
	fake := providertest.OpenAI(providertest.Config{})
	fake.AlwaysFor("key-old", providertest.Unauthorized())
	lb := newTransport(t, over(fake, account("main", with(provider.File(path)))))
	status, _, err := send(t.Context(), t, lb)
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, status, "there is no other key")
	assert.Equal(t, 1, fake.Count(), "and the same is not sent twice")
	require.NoError(t, lb.Enable(t.Context(), "main"))
	require.NoError(t, os.WriteFile(path, []byte("key-new"), 0o600))
	status, _, err = send(t.Context(), t, lb)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, []string{"old", "old", "new"}, keysSeen(fake))
}

// A login that was closed under an account is that account's trouble alone.
func TestAClosedLogin(t *testing.T) {
	o := login(t)
	require.NoError(t, o.Close())
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake, account("first", priority(1), with(o)), account("second", priority(2))))
	status, _, err := send(t.Context(), t, lb)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, []string{"second"}, keysSeen(fake))
}

// The deadline of a request ends its wait for a token, and not the renewal.
func TestADeadlineWhileATokenIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth := &authServer{fake: providertest.OpenAI(providertest.Config{Keys: []string{"access-1"}})}
		auth.set(func(n int, w http.ResponseWriter) {
			time.Sleep(10 * time.Second)
			fmt.Fprintf(w, `{"access_token":"access-%d"}`, n)
		})
		for _, expiry := range []time.Time{time.Now(), {}} {
			cfg := over(auth, account("first", with(login(t, func(c *provider.OAuthConfig) { c.Expiry = expiry }))))
			cfg.Deadline = time.Second
			lb := newTransport(t, cfg)
			began := time.Now()
			_, _, err := send(t.Context(), t, lb)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, time.Second, time.Since(began))
			time.Sleep(10 * time.Second)
			auth.mu.Lock()
			auth.asked = 0
			auth.mu.Unlock()
			status, _, err := send(t.Context(), t, lb)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, status)
			assert.Zero(t, auth.count(), "it had gone on")
		}
	})
}

// signer signs what is sent, and may have a token or none.
type signer struct {
	token string
	err   error
}

func (s *signer) Token(context.Context) (string, error) { return s.token, nil }

func (s *signer) Sign(ctx context.Context, r *http.Request) error {
	if s.err != nil {
		return s.err
	}
	if provider.CarrierFrom(ctx) == nil {
		return errBroken
	}
	body, err := r.GetBody()
	if err != nil {
		return err
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	r.Header.Set("X-Signature", fmt.Sprintf("%s %s %d", r.Header.Get("X-Layer"), r.URL.Path, len(b)))
	return nil
}

func TestASignerHasTheLastWord(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	fake.Always(providertest.Status(200, nil, "{}"))
	var seen []http.Header
	catch := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Clone())
		fake.ServeHTTP(w, r)
	})
	for _, token := range []string{"", "key-x"} {
		cfg := over(catch, account("main", with(&signer{token: token})))
		var layer *http.Request
		cfg.Attempt = []transport.Middleware{func(next http.RoundTripper) http.RoundTripper {
			return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				layer = r.Clone(r.Context())
				layer.Header.Set("X-Layer", "seen")
				return next.RoundTrip(layer)
			})
		}}
		lb := newTransport(t, cfg)
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		last := seen[len(seen)-1]
		assert.Equal(t, fmt.Sprintf("seen /v1/chat/completions %d", len(chat)), last.Get("X-Signature"))
		assert.Empty(t, layer.Header.Get("X-Signature"), "what a layer sent is not changed under it")
		want := ""
		if token != "" {
			want = "Bearer " + token
		}
		assert.Equal(t, want, last.Get("Authorization"))
	}
	cfg := over(catch, account("first", priority(1), with(&signer{err: errBroken})), account("second", priority(2)))
	lb := newTransport(t, cfg)
	ctx, trail := balancer.WithTrail(t.Context())
	status, _, err := send(ctx, t, lb)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
	first := trail.Attempts()[0]
	assert.Equal(t, provider.ClassTransient, first.Class)
	assert.False(t, first.MaybeExecuted, "nothing was sent")
	assert.Contains(t, first.Reason, "signing failed")
}

// No token, refresh token or secret shows in what comes out of a login that fails.
func TestNoSecretOfALoginShows(t *testing.T) {
	auth := &authServer{fake: providertest.OpenAI(providertest.Config{Keys: []string{"none"}})}
	auth.set(func(_ int, w http.ResponseWriter) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":"invalid_grant","error_description":"refresh-%s of client-%s is wrong"}`, secretMark, secretMark)
	})
	o := login(t, func(c *provider.OAuthConfig) {
		c.TokenURL = authURL + "?" + url.Values{"x": {secretMark}}.Encode()
		c.RefreshToken, c.ClientSecret, c.AccessToken = "refresh-"+secretMark, "client-"+secretMark, "access-"+secretMark
	})
	a := account("main", with(o))
	lb := newTransport(t, over(auth, a))
	ctx, trail := balancer.WithTrail(t.Context())
	_, _, err := send(ctx, t, lb)
	require.NoError(t, err)
	_, _, err = send(ctx, t, lb)
	require.Error(t, err)
	snapshot, err2 := lb.Snapshot(t.Context())
	require.NoError(t, err2)
	for what, v := range map[string]any{"error": err, "trail": trail.Attempts(), "snapshot": snapshot, "account": a, "login": o, "balancer": lb, "its error": o.Err()} {
		assertNoSecret(t, what, shownAs(v))
	}
	assert.Contains(t, strings.ToLower(trail.String()), "invalid_grant")
}
