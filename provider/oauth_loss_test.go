package provider_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// The endpoint has taken the refresh token when Close comes; what it answers must
// not be thrown away.
func TestCloseKeepsTheRefreshTokenOfARenewalUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := good(`,"refresh_token":"refresh-{n}"`)
		slow.after = time.Second
		var saved []string
		o, e := newOAuth(t, provider.OAuthConfig{Save: func(_ context.Context, tokens provider.OAuthTokens) error {
			saved = append(saved, tokens.RefreshToken)
			return nil
		}}, slow)
		go func() { _, _ = o.Token(t.Context()) }()
		synctest.Wait()
		require.Equal(t, 1, e.count(), "the server has the request, and has replaced the refresh token")
		require.NoError(t, o.Close())
		assert.Equal(t, []string{"refresh-1"}, saved, "refresh-0 is spent: the login is lost")
	})
}

func TestAReplacedRefreshTokenIsKeptThoughTheAccessTokenIsOfNoUse(t *testing.T) {
	for name, body := range map[string]string{
		"a token with a space": `{"access_token":"a b","expires_in":3600,"refresh_token":"refresh-1"}`,
		"no access token":      `{"expires_in":3600,"refresh_token":"refresh-1"}`,
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := newOAuth(t, provider.OAuthConfig{}, tokenReply{body: body})
			_, err := o.Token(t.Context())
			require.Error(t, err)
			assert.Equal(t, "refresh-1", o.Tokens().RefreshToken, "the next renewal would spend refresh-0 twice")
		})
	}
}

// A round tripper that wraps an http.Client returns *url.Error, which has the URL.
func TestAnErrorOfTheCarrierShowsNoQueryOfTheTokenURL(t *testing.T) {
	o, err := provider.NewOAuth(provider.OAuthConfig{
		TokenURL: "https://auth.example.com/token?api_key=SECRETSECRET", RefreshToken: "refresh-0",
		Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: errors.New("broken")}
		}),
	})
	require.NoError(t, err)
	defer o.Close()
	_, err = o.Token(t.Context())
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "SECRETSECRET")
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Failed is the natural place to close a login that is over.
func TestFailedMayCloseTheLogin(t *testing.T) {
	done := make(chan struct{})
	var o *provider.OAuth
	o, _ = newOAuthUnclosed(t, provider.OAuthConfig{Failed: func(error) {
		_ = o.Close()
		close(done)
	}}, refusal(400, "invalid_grant"))
	_, err := o.Token(t.Context())
	require.Error(t, err)
	<-done // Close must not wait for the run that called Failed: that would never end
}

func newOAuthUnclosed(t *testing.T, c provider.OAuthConfig, answers ...tokenReply) (*provider.OAuth, *tokenEndpoint) {
	t.Helper()
	e := &tokenEndpoint{answers: answers}
	c.TokenURL, c.RefreshToken, c.Transport = tokenURL, "refresh-0", e
	o, err := provider.NewOAuth(c)
	require.NoError(t, err)
	return o, e
}

// provider-facts 12.6 has access_denied as permanent on 400 and 401 only.
func TestAccessDeniedOn403IsNotForGood(t *testing.T) {
	o, _ := newOAuth(t, provider.OAuthConfig{}, refusal(403, "access_denied"))
	_, err := o.Token(t.Context())
	assert.False(t, credentialError(t, err).Permanent)
}
