package provider_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

func TestOAuthAsksForATokenAndKeepsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, e := newOAuth(t, provider.OAuthConfig{
			ClientID: "me", ClientSecret: "hush-hush", Scope: "a b",
			Extra:  map[string]string{"audience": "api", "grant_type": "password"},
			Header: http.Header{"Anthropic-Beta": {"oauth-2025-04-20"}, "Content-Type": {"text/plain"}},
		}, good())
		for range 3 {
			token, err := o.Token(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "access-1", token)
		}
		require.Equal(t, 1, e.count())
		c := e.seen()[0]
		assert.Equal(t, url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {"refresh-0"}, "client_id": {"me"},
			"client_secret": {"hush-hush"}, "scope": {"a b"}, "audience": {"api"},
		}, c.fields)
		assert.Equal(t, "oauth-2025-04-20", c.header.Get("Anthropic-Beta"))
		assert.Equal(t, "application/x-www-form-urlencoded", c.header.Get("Content-Type"))
		assert.Equal(t, "application/json", c.header.Get("Accept"))
		assert.Empty(t, c.header.Get("Authorization"))
		assert.Empty(t, c.header.Get("User-Agent"), "nobody's client is imitated")
		assert.Equal(t, provider.OAuthTokens{AccessToken: "access-1", RefreshToken: "refresh-0", Expiry: time.Now().Add(time.Hour)}, o.Tokens())
	})
}

func TestOAuthWaysToWriteTheRequest(t *testing.T) {
	o, e := newOAuth(t, provider.OAuthConfig{
		ClientID: "me:1", ClientSecret: "p&q", Encoding: provider.OAuthJSON, ClientAuth: provider.OAuthClientBasic,
	}, good())
	_, err := o.Token(t.Context())
	require.NoError(t, err)
	c := e.seen()[0]
	var object map[string]string
	require.NoError(t, json.Unmarshal([]byte(c.body), &object))
	assert.Equal(t, map[string]string{"grant_type": "refresh_token", "refresh_token": "refresh-0"}, object)
	assert.Equal(t, "application/json", c.header.Get("Content-Type"))
	assert.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("me%3A1:p%26q")), c.header.Get("Authorization"))
}

func TestOAuthGrantOfTheUsersOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var carrier http.RoundTripper
		calls := 0
		o, e := newOAuth(t, provider.OAuthConfig{
			ClientID: "me", Extra: map[string]string{"organization_id": "org"},
			Grant: func(ctx context.Context) (url.Values, error) {
				carrier = provider.CarrierFrom(ctx)
				if calls++; calls == 2 {
					return nil, errBroken
				}
				return url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {"jwt"}}, nil
			},
		}, good(`,"refresh_token":"not wanted"`))
		_, err := o.Token(t.Context())
		require.NoError(t, err)
		assert.Same(t, e, carrier, "a request of the grant's own goes the same way")
		assert.Equal(t, url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {"jwt"}, "client_id": {"me"}, "organization_id": {"org"},
		}, e.seen()[0].fields)
		assert.Empty(t, o.Tokens().RefreshToken)
		time.Sleep(time.Hour)
		_, err = o.Token(t.Context())
		require.ErrorIs(t, err, errBroken)
		failure := credentialError(t, err)
		assert.False(t, failure.Permanent)
		time.Sleep(5 * time.Second)
		token, err := o.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "access-2", token)
	})
}

// The margins: used, used while the next is fetched, waited for.
func TestOAuthRenewsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := good()
		slow.after = time.Second
		o, e := newOAuth(t, provider.OAuthConfig{AccessToken: "access-0", Expiry: time.Now().Add(time.Hour)}, slow)
		at := func(left time.Duration, want string, calls int) {
			t.Helper()
			began := time.Now()
			token, err := o.Token(t.Context())
			require.NoError(t, err)
			assert.Equal(t, want, token, "%s before its end", left)
			if want == "access-0" {
				assert.Zero(t, time.Since(began), "nobody waits")
			}
			synctest.Wait()
			assert.Equal(t, calls, e.count())
		}
		time.Sleep(time.Hour - 121*time.Second)
		at(121*time.Second, "access-0", 0)
		time.Sleep(time.Second)
		at(120*time.Second, "access-0", 1)
		at(120*time.Second, "access-0", 1) // one at a time
		time.Sleep(time.Second)
		synctest.Wait()
		at(119*time.Second, "access-1", 1)
		time.Sleep(time.Hour - 29*time.Second) // of the next one
		at(28*time.Second, "access-2", 2)
	})
}

func TestOAuthLifetimes(t *testing.T) {
	for body, want := range map[string]time.Duration{
		`"expires_in":3599`:          3599 * time.Second,
		`"expires_in":"3599"`:        3599 * time.Second,
		`"expires_in":1800.5`:        1800*time.Second + 500*time.Millisecond,
		`"x":1`:                      time.Hour,
		`"expires_in":null`:          time.Hour,
		`"expires_in":0`:             time.Hour,
		`"expires_in":-5`:            time.Hour,
		`"expires_in":"soon"`:        time.Hour,
		`"expires_in":1e300`:         365 * 24 * time.Hour,
		`"expires_in":99999999999`:   365 * 24 * time.Hour,
		`"expires_in":{"seconds":1}`: time.Hour,
	} {
		synctest.Test(t, func(t *testing.T) {
			o, _ := newOAuth(t, provider.OAuthConfig{}, tokenReply{body: `{"access_token":"a",` + body + `}`})
			_, err := o.Token(t.Context())
			require.NoError(t, err)
			assert.Equal(t, want, time.Until(o.Tokens().Expiry), body)
		})
	}
}

// A token that comes for less time than the margins take is used all the same.
func TestOAuthTokensThatComeForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, e := newOAuth(t, provider.OAuthConfig{}, tokenReply{body: `{"access_token":"access-{n}","expires_in":20}`})
		for range 40 {
			_, err := o.Token(t.Context())
			require.NoError(t, err)
			synctest.Wait()
			time.Sleep(time.Second)
		}
		assert.Equal(t, 4, e.count(), "each after half of its 20 s")
	})
}

// An access token of which nobody knows when it ends is used until it is refused.
func TestOAuthTokenWithoutExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, e := newOAuth(t, provider.OAuthConfig{AccessToken: "access-0"}, good())
		time.Sleep(1000 * time.Hour)
		token, err := o.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "access-0", token)
		assert.Zero(t, e.count())
		token, err = o.Renew(t.Context(), "access-0")
		require.NoError(t, err)
		assert.Equal(t, "access-1", token)
	})
}

func TestOAuthRefreshTokensThatAreReplacedAreSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var saved []provider.OAuthTokens
		var told []error
		broken := false
		o, e := newOAuth(t, provider.OAuthConfig{
			Save: func(ctx context.Context, tokens provider.OAuthTokens) error {
				deadline, ok := ctx.Deadline()
				assert.True(t, ok)
				assert.LessOrEqual(t, time.Until(deadline), 30*time.Second)
				if broken {
					return errBroken
				}
				saved = append(saved, tokens)
				return nil
			},
			Failed: func(err error) { told = append(told, err) },
		}, good(`,"refresh_token":"refresh-{n}"`), good(), good(`,"refresh_token":"refresh-{n}"`))
		for i := range 4 {
			broken = i == 2
			_, err := o.Token(t.Context())
			require.NoError(t, err, "a Save that fails keeps nobody from the new token")
			if broken {
				require.ErrorIs(t, o.Err(), errBroken)
				assert.Equal(t, "refresh-3", o.Tokens().RefreshToken)
			} else {
				require.NoError(t, o.Err())
			}
			time.Sleep(time.Hour)
		}
		var sent []string
		for _, c := range e.seen() {
			sent = append(sent, c.fields.Get("refresh_token"))
		}
		assert.Equal(t, []string{"refresh-0", "refresh-1", "refresh-1", "refresh-3"}, sent, "the old one goes on where none came back")
		require.Len(t, told, 1)
		require.ErrorIs(t, told[0], errBroken)
		require.Len(t, saved, 3)
		b, err := json.Marshal(saved[0])
		require.NoError(t, err)
		assert.Contains(t, string(b), `"refresh_token":"refresh-1"`, "so that they can be kept")
	})
}

// Close tries once more to keep what could not be kept.
func TestOAuthCloseSavesWhatWasNotSaved(t *testing.T) {
	calls, broken := 0, true
	e := &tokenEndpoint{answers: []tokenReply{good()}}
	o, err := provider.NewOAuth(provider.OAuthConfig{
		TokenURL: tokenURL, RefreshToken: "r", Transport: e,
		Save: func(context.Context, provider.OAuthTokens) error {
			if calls++; broken {
				return errBroken
			}
			return nil
		},
	})
	require.NoError(t, err)
	_, err = o.Token(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, o.Close(), errBroken)
	broken = false
	require.NoError(t, o.Close())
	require.NoError(t, o.Close())
	assert.Equal(t, 3, calls)
}

// A renewal outlives the caller that began it: the refresh token may be spent.
func TestOAuthRenewalGoesOnWithoutItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := good(`,"refresh_token":"refresh-{n}"`)
		slow.after = 10 * time.Second
		o, e := newOAuth(t, provider.OAuthConfig{}, slow)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := o.Token(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err = o.Token(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded, "each waits for as long as its own context allows")
		time.Sleep(8 * time.Second)
		synctest.Wait()
		assert.Equal(t, "refresh-1", o.Tokens().RefreshToken)
		token, err := o.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "access-1", token)
		assert.Equal(t, 1, e.count())
	})
}

func TestOAuthRenewalHasATimeOutAndEndsAtClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, e := newOAuth(t, provider.OAuthConfig{RenewTimeout: 7 * time.Second}, tokenReply{hang: true})
		began := time.Now()
		_, err := o.Token(t.Context())
		failure := credentialError(t, err)
		assert.Equal(t, provider.ClassTimeout, failure.Class)
		assert.False(t, failure.Permanent)
		assert.Equal(t, 7*time.Second, time.Since(began))

		time.Sleep(time.Minute)
		var wg sync.WaitGroup
		wg.Go(func() { _, err = o.Token(t.Context()) })
		synctest.Wait()
		require.Equal(t, 2, e.count())
		began = time.Now()
		require.NoError(t, o.Close())
		wg.Wait()
		assert.Equal(t, 7*time.Second, time.Since(began), "the answer may bring the only refresh token")
		assert.Equal(t, provider.ClassTimeout, credentialError(t, err).Class)
		_, err = o.Token(t.Context())
		assert.Equal(t, provider.ClassCanceled, credentialError(t, err).Class, "closed for good")
		_, err = o.Renew(t.Context(), "x")
		assert.Error(t, err)
		assert.Equal(t, provider.ClassTimeout, credentialError(t, o.Err()).Class, "being closed is no failure")
		assert.Equal(t, 2, e.count())
	})
}

func TestOAuthManyCallersOneRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := good()
		slow.after = time.Second
		o, e := newOAuth(t, provider.OAuthConfig{AccessToken: "access-0", Expiry: time.Now().Add(-time.Second)}, slow)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				var token string
				var err error
				if i%2 == 0 {
					token, err = o.Token(t.Context())
				} else {
					token, err = o.Renew(t.Context(), "access-0")
				}
				assert.NoError(t, err)
				assert.Equal(t, "access-1", token)
			})
		}
		wg.Wait()
		assert.Equal(t, 1, e.count())
	})
}

func TestOAuthForcedRenewal(t *testing.T) {
	t.Run("does nothing if the token is another by now", func(t *testing.T) {
		o, e := newOAuth(t, provider.OAuthConfig{AccessToken: "access-9"}, good())
		token, err := o.Renew(t.Context(), "an older one")
		require.NoError(t, err)
		assert.Equal(t, "access-9", token)
		assert.Zero(t, e.count())
	})
	t.Run("is shared by those that were refused together", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			slow := good()
			slow.after = time.Second
			o, e := newOAuth(t, provider.OAuthConfig{AccessToken: "access-0"}, slow)
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					token, err := o.Renew(t.Context(), "access-0")
					assert.NoError(t, err)
					assert.Equal(t, "access-1", token)
				})
			}
			synctest.Wait()
			token, err := o.Token(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "access-1", token, "what is known to be refused is not given out while the next is on its way")
			wg.Wait()
			assert.Equal(t, 1, e.count())
		})
	})
	t.Run("does not take the word of an earlier one that nobody forced", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			same := tokenReply{body: `{"access_token":"access-0","expires_in":3600}`, after: 2 * time.Second} // from a cache, say
			o, e := newOAuth(t, provider.OAuthConfig{AccessToken: "access-0", Expiry: time.Now().Add(100 * time.Second)}, same, good())
			_, err := o.Token(t.Context()) // begins an early renewal
			require.NoError(t, err)
			time.Sleep(time.Second)
			require.Equal(t, 1, e.count())
			token, err := o.Renew(t.Context(), "access-0")
			require.NoError(t, err)
			assert.Equal(t, "access-2", token)
			calls := e.seen()
			require.Len(t, calls, 2)
			assert.Equal(t, 2*time.Second, calls[1].at.Sub(calls[0].at), "one after the other: a refresh token is not spent twice")
		})
	})
	t.Run("takes the new token of an earlier one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			slow := good()
			slow.after = 2 * time.Second
			o, e := newOAuth(t, provider.OAuthConfig{AccessToken: "access-0", Expiry: time.Now().Add(100 * time.Second)}, slow)
			_, err := o.Token(t.Context())
			require.NoError(t, err)
			token, err := o.Renew(t.Context(), "access-0")
			require.NoError(t, err)
			assert.Equal(t, "access-1", token)
			assert.Equal(t, 1, e.count())
		})
	})
	t.Run("leaves when its caller does", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o, _ := newOAuth(t, provider.OAuthConfig{AccessToken: "access-0"}, tokenReply{hang: true})
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBroken)
			defer cancel()
			_, err := o.Renew(ctx, "access-0")
			require.ErrorIs(t, err, errBroken)
		})
	})
	t.Run("that fails leaves the token in use", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o, e := newOAuth(t, provider.OAuthConfig{AccessToken: "access-0"}, tokenReply{status: 503}, good())
			_, err := o.Renew(t.Context(), "access-0")
			assert.False(t, credentialError(t, err).Repeated)
			_, err = o.Renew(t.Context(), "access-0")
			assert.True(t, credentialError(t, err).Repeated)
			token, err := o.Token(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "access-0", token)
			assert.Equal(t, 1, e.count())
			time.Sleep(5 * time.Second)
			token, err = o.Token(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "access-2", token, "it was refused, so the next one is waited for")
		})
	})
}

// An early renewal that fails costs nobody anything until the token ends.
func TestOAuthFailedEarlyRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []error
		o, e := newOAuth(t, provider.OAuthConfig{
			AccessToken: "access-0", Expiry: time.Now().Add(120 * time.Second),
			Failed: func(err error) { told = append(told, err) },
		}, tokenReply{status: 500})
		began := time.Now()
		for time.Since(began) < 119*time.Second {
			token, err := o.Token(t.Context())
			require.NoError(t, err)
			require.Equal(t, "access-0", token)
			synctest.Wait()
			time.Sleep(500 * time.Millisecond)
		}
		time.Sleep(time.Second)
		_, err := o.Token(t.Context())
		failure := credentialError(t, err)
		assert.Equal(t, 500, failure.Status)
		assert.True(t, failure.Repeated)
		assert.False(t, failure.Permanent)
		var pauses []time.Duration
		calls := e.seen()
		for i := range len(calls) - 1 {
			pauses = append(pauses, calls[i+1].at.Sub(calls[i].at))
		}
		assert.Equal(t, []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second}, pauses)
		assert.Len(t, told, len(calls))
		assert.Error(t, o.Err())
	})
}

func TestOAuthPauses(t *testing.T) {
	for name, c := range map[string]struct {
		reply tokenReply
		want  []time.Duration
	}{
		"doubling to five minutes": {tokenReply{status: 503}, []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 300 * time.Second, 300 * time.Second}},
		"network":                  {tokenReply{err: errBroken}, []time.Duration{5 * time.Second, 10 * time.Second}},
		"Retry-After":              {tokenReply{status: 429, header: headers("Retry-After", "40")}, []time.Duration{40 * time.Second, 40 * time.Second}},
		"Retry-After at once":      {tokenReply{status: 429, header: headers("Retry-After", "0")}, []time.Duration{time.Second, time.Second}},
		"Retry-After for a day":    {tokenReply{status: 503, header: headers("Retry-After", "86400")}, []time.Duration{time.Hour, time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, e := newOAuth(t, provider.OAuthConfig{}, c.reply)
				for i, want := range c.want {
					_, err := o.Token(t.Context())
					failure := credentialError(t, err)
					assert.False(t, failure.Repeated)
					assert.Equal(t, want, time.Until(failure.RetryAt))
					time.Sleep(want - time.Millisecond)
					_, err = o.Token(t.Context())
					assert.True(t, credentialError(t, err).Repeated)
					assert.Equal(t, i+1, e.count())
					time.Sleep(time.Millisecond)
				}
			})
		})
	}
	t.Run("a success ends them", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			bad := tokenReply{status: 500}
			o, _ := newOAuth(t, provider.OAuthConfig{}, bad, bad, good(), bad)
			for _, pause := range []time.Duration{5 * time.Second, 10 * time.Second} {
				_, err := o.Token(t.Context())
				require.Error(t, err)
				time.Sleep(pause)
			}
			_, err := o.Token(t.Context())
			require.NoError(t, err)
			require.NoError(t, o.Err())
			time.Sleep(time.Hour)
			_, err = o.Token(t.Context())
			assert.Equal(t, 5*time.Second, time.Until(credentialError(t, err).RetryAt))
		})
	})
}

func TestOAuthNeedsAWayToGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &tokenEndpoint{answers: []tokenReply{good()}}
		o, err := provider.NewOAuth(provider.OAuthConfig{TokenURL: tokenURL, RefreshToken: "r"})
		require.NoError(t, err)
		defer func() { require.NoError(t, o.Close()) }()
		_, err = o.Token(t.Context())
		require.ErrorContains(t, err, "WithCarrier")
		_, err = o.Renew(t.Context(), "")
		require.ErrorContains(t, err, "WithCarrier")
		ctx := provider.WithCarrier(t.Context(), e)
		token, err := o.Token(ctx)
		require.NoError(t, err, "nothing was held against anybody")
		assert.Equal(t, "access-1", token)
		time.Sleep(time.Hour - time.Minute)
		_, err = o.Token(t.Context())
		require.NoError(t, err, "in use still, and there is no way to an early renewal")
		synctest.Wait()
		assert.Equal(t, 1, e.count())
		_, err = o.Token(ctx)
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, 2, e.count())
	})
}

func TestOAuthConfigIsChecked(t *testing.T) {
	fine := func() provider.OAuthConfig { return provider.OAuthConfig{TokenURL: tokenURL, RefreshToken: "pa55"} }
	for name, c := range map[string]struct {
		change func(*provider.OAuthConfig)
		want   string // "": accepted
	}{
		"fine":             {func(*provider.OAuthConfig) {}, ""},
		"loopback":         {func(c *provider.OAuthConfig) { c.TokenURL = "http://127.0.0.1:8080/token" }, ""},
		"loopback, IPv6":   {func(c *provider.OAuthConfig) { c.TokenURL = "http://[::1]/token" }, ""},
		"localhost":        {func(c *provider.OAuthConfig) { c.TokenURL = "http://localhost/token" }, ""},
		"http":             {func(c *provider.OAuthConfig) { c.TokenURL = "http://auth.example.com/token" }, "TokenURL is http: use https"},
		"almost loopback":  {func(c *provider.OAuthConfig) { c.TokenURL = "http://127.0.0.1.example.com/" }, "TokenURL is http: use https"},
		"no URL":           {func(c *provider.OAuthConfig) { c.TokenURL = "" }, "TokenURL is empty"},
		"another scheme":   {func(c *provider.OAuthConfig) { c.TokenURL = "ftp://example.com" }, "TokenURL is not https"},
		"no host":          {func(c *provider.OAuthConfig) { c.TokenURL = "https:///token" }, "TokenURL has no host"},
		"unreadable":       {func(c *provider.OAuthConfig) { c.TokenURL = "https://pa55\x00" }, "TokenURL is not a URL"},
		"user info":        {func(c *provider.OAuthConfig) { c.TokenURL = "https://me:pa55@example.com" }, "TokenURL holds user info"},
		"fragment":         {func(c *provider.OAuthConfig) { c.TokenURL = "https://example.com/#pa55" }, "TokenURL holds a fragment"},
		"nothing to offer": {func(c *provider.OAuthConfig) { c.RefreshToken = " " }, "RefreshToken is empty and there is no Grant"},
		"two offers":       {func(c *provider.OAuthConfig) { c.Grant = func(context.Context) (url.Values, error) { return nil, nil } }, "both set"},
		"client auth":      {func(c *provider.OAuthConfig) { c.ClientAuth = 9 }, "ClientAuth is unknown"},
		"encoding":         {func(c *provider.OAuthConfig) { c.Encoding = 9 }, "Encoding is unknown"},
		"basic, nobody":    {func(c *provider.OAuthConfig) { c.ClientAuth = provider.OAuthClientBasic }, "ClientID is empty"},
		"negative":         {func(c *provider.OAuthConfig) { c.RenewTimeout = -1 }, "negative"},
		"a bad token":      {func(c *provider.OAuthConfig) { c.AccessToken = "pa55 x" }, "AccessToken holds a space"},
	} {
		t.Run(name, func(t *testing.T) {
			config := fine()
			c.change(&config)
			o, err := provider.NewOAuth(config)
			if c.want == "" {
				require.NoError(t, err)
				require.NoError(t, o.Close())
				return
			}
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "pa55")
		})
	}
}

func TestOAuthIsNotPrinted(t *testing.T) {
	config := provider.OAuthConfig{
		TokenURL: tokenURL, ClientID: "me", ClientSecret: "pa55-client", RefreshToken: "pa55-refresh", AccessToken: "pa55-access",
		Extra: map[string]string{"x": "pa55-extra"}, Header: http.Header{"X": {"pa55-header"}},
	}
	o, _ := newOAuth(t, config, good())
	tokens := o.Tokens()
	require.Equal(t, "pa55-refresh", tokens.RefreshToken)
	for what, v := range map[string]any{
		"OAuth": o, "in a struct": struct{ C provider.Credential }{o}, "hidden": struct{ c provider.Credential }{o},
		"OAuthConfig": config, "*OAuthConfig": &config,
	} {
		out := printed(t, v)
		assert.NotContains(t, out, "pa55", what)
		assert.NotContains(t, out, fmt.Sprintf("%x", "pa55"), what)
	}
	assert.Equal(t, "***", fmt.Sprint(o))
	out := fmt.Sprintf("%v %+v %#v %s %x", tokens, tokens, tokens, &tokens, tokens)
	assert.NotContains(t, out, "pa55")
}

// The request's secrets, should an endpoint repeat them, do not show in the error.
func TestOAuthErrorsHoldNoSecret(t *testing.T) {
	const secret = "short.one"
	echo := `{"error":"invalid_client","error_description":"refresh-zero short.one acc-zero extra+one of ` + strings.Repeat("x1", 30) + ` are wrong"}`
	o, _ := newOAuth(t, provider.OAuthConfig{
		RefreshToken: "refresh-zero", AccessToken: "acc-zero", ClientSecret: secret, ClientID: "client-1",
		Extra: map[string]string{"assertion": "extra+one"},
	}, tokenReply{status: 401, body: echo})
	_, err := o.Renew(t.Context(), "acc-zero")
	failure := credentialError(t, err)
	assert.Equal(t, "*** *** *** *** of *** are wrong", failure.Message)
	assert.Equal(t, "provider: token endpoint "+tokenURL+": answered 401: invalid_client: check ClientID, ClientSecret and ClientAuth (it says: *** *** *** *** of *** are wrong)", err.Error())
	out := printed(t, err)
	for _, s := range []string{"refresh-zero", "acc-zero", secret, "extra+one", "x1x1"} {
		assert.NotContains(t, out, s)
	}
	assert.NotErrorIs(t, err, context.Canceled)
}
