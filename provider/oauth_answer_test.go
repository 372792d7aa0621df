package provider_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// Every row of provider-facts 12.6, in the envelopes that are known: what is final
// is asked once, what is not is asked again after the pause.
func TestOAuthRefusals(t *testing.T) {
	const (
		login, client = "log in again", "check ClientID"
		html          = "<!DOCTYPE html><title>Just a moment...</title>"
	)
	apiError := func(code string) string {
		return `{"error":{"message":"No.","type":"invalid_request_error","param":null,"code":"` + code + `"}}`
	}
	typed := func(code string) string { return `{"type":"error","error":{"type":"` + code + `","message":"No."}}` }
	plain := func(code string) string { return `{"error":"` + code + `","error_description":"No."}` }
	for name, c := range map[string]struct {
		status    int
		header    http.Header
		body      string
		class     provider.Class
		permanent bool
		code      string
		advice    string
	}{
		"invalid_grant":             {400, nil, plain("invalid_grant"), provider.ClassAuthInvalid, true, "invalid_grant", login},
		"invalid_grant, 401":        {401, nil, plain("invalid_grant"), provider.ClassAuthInvalid, true, "invalid_grant", login},
		"invalid_grant, 403":        {403, nil, plain("invalid_grant"), provider.ClassAuthInvalid, true, "invalid_grant", login},
		"invalid_grant, typed":      {400, nil, typed("invalid_grant"), provider.ClassAuthInvalid, true, "invalid_grant", login},
		"invalid_grant in a 200":    {200, nil, plain("invalid_grant"), provider.ClassAuthInvalid, true, "invalid_grant", login},
		"refresh_token_reused":      {401, nil, apiError("refresh_token_reused"), provider.ClassAuthInvalid, true, "refresh_token_reused", "one place only"},
		"refresh_token_expired":     {401, nil, apiError("refresh_token_expired"), provider.ClassAuthInvalid, true, "refresh_token_expired", login},
		"refresh_token_invalidated": {401, nil, apiError("refresh_token_invalidated"), provider.ClassAuthInvalid, true, "refresh_token_invalidated", login},
		"access_denied":             {400, nil, plain("access_denied"), provider.ClassAuthInvalid, true, "access_denied", login},
		"a code beside the error":   {400, nil, `{"error":"bad request","code":"invalid_grant"}`, provider.ClassAuthInvalid, true, "invalid_grant", login},
		"invalid_client":            {401, nil, plain("invalid_client"), provider.ClassAuthInvalid, true, "invalid_client", client},
		"unauthorized_client":       {400, nil, plain("unauthorized_client"), provider.ClassAuthInvalid, true, "unauthorized_client", "ClientID"},
		"unsupported_grant_type":    {400, nil, plain("unsupported_grant_type"), provider.ClassAuthInvalid, true, "unsupported_grant_type", "Encoding"},
		"invalid_scope":             {400, nil, plain("invalid_scope"), provider.ClassAuthInvalid, true, "invalid_scope", "check Scope"},
		"403 HTML":                  {403, nil, html, provider.ClassEgressBlocked, false, "", "another proxy"},
		"403 empty":                 {403, nil, "", provider.ClassEgressBlocked, false, "", "another proxy"},
		"503 challenge":             {503, headers("Cf-Mitigated", "challenge"), html, provider.ClassEgressBlocked, false, "", "another proxy"},
		"country":                   {403, nil, apiError("unsupported_country_region_territory"), provider.ClassEgressBlocked, false, "unsupported_country_region_territory", "another proxy"},
		"429":                       {429, nil, plain("slow_down"), provider.ClassRateLimited, false, "slow_down", ""},
		"429 HTML":                  {429, nil, "<p>", provider.ClassRateLimited, false, "", ""},
		"500":                       {500, nil, plain("server_error"), provider.ClassTransient, false, "server_error", ""},
		"503 that speaks of grants": {503, nil, plain("invalid_grant"), provider.ClassTransient, false, "invalid_grant", ""},
		"502 HTML":                  {502, nil, "<html>bad gateway", provider.ClassTransient, false, "", ""},
		"another 400":               {400, nil, plain("invalid_request"), provider.ClassTransient, false, "invalid_request", "check TokenURL"},
		"404":                       {404, nil, "not found", provider.ClassTransient, false, "", "check TokenURL"},
		"redirect":                  {302, headers("Location", "https://evil.example.com/"), "", provider.ClassTransient, false, "", "token endpoint itself"},
		"200 HTML":                  {200, nil, html + "<p>log in", provider.ClassEgressBlocked, false, "", "another proxy"},
		"200 of a web site":         {200, nil, "<html>Welcome", provider.ClassTransient, false, "", "token endpoint itself"},
		"200 empty":                 {200, nil, "", provider.ClassTransient, false, "", "token endpoint itself"},
		"200 without a token":       {200, nil, `{"token_type":"Bearer"}`, provider.ClassTransient, false, "", "token endpoint itself"},
		"200 with a number":         {200, nil, `{"access_token":12}`, provider.ClassTransient, false, "", "token endpoint itself"},
		"200 cut short":             {200, nil, `{"access_token":"acc`, provider.ClassTransient, false, "", "token endpoint itself"},
		"200 with a bad token":      {200, nil, `{"access_token":"pa55 word"}`, provider.ClassTransient, false, "", ""},
		"200 without an end":        {200, nil, `{"access_token":"` + strings.Repeat("a", 1<<20) + `"}`, provider.ClassTransient, false, "", "token endpoint itself"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, e := newOAuth(t, provider.OAuthConfig{AccessToken: "access-0", Expiry: time.Now().Add(10 * time.Second)},
					tokenReply{status: c.status, header: c.header, body: c.body}, good())
				_, first := o.Renew(t.Context(), "access-0")
				failure := credentialError(t, first)
				assert.Equal(t, c.class, failure.Class, failure.Class.String())
				assert.Equal(t, c.permanent, failure.Permanent)
				assert.Equal(t, c.status, failure.Status)
				assert.Equal(t, c.code, failure.Code)
				assert.Contains(t, failure.Advice, c.advice)
				assert.NotContains(t, first.Error(), "pa55")
				assert.Less(t, len(first.Error()), 1000)

				token, err := o.Token(t.Context())
				if c.permanent {
					assert.Same(t, failure, credentialError(t, err), "the same error, at once")
					time.Sleep(100 * time.Hour)
					_, err = o.Renew(t.Context(), "access-0")
					assert.Same(t, failure, credentialError(t, err))
					assert.Equal(t, 1, e.count())
					assert.True(t, failure.RetryAt.IsZero())
					return
				}
				require.NoError(t, err)
				assert.Equal(t, "access-0", token, "in use until it ends")
				time.Sleep(10 * time.Second)
				token, err = o.Token(t.Context())
				require.NoError(t, err)
				assert.Equal(t, "access-2", token)
			})
		})
	}
}

// A word that is known is told, and judged, whatever stands in the request.
func TestOAuthRefusalsThatRepeatTheRequest(t *testing.T) {
	o, _ := newOAuth(t, provider.OAuthConfig{RefreshToken: "refresh_token"}, refusal(401, "refresh_token_reused"))
	_, err := o.Token(t.Context())
	failure := credentialError(t, err)
	assert.True(t, failure.Permanent)
	assert.Equal(t, "refresh_token_reused", failure.Code)
	o, _ = newOAuth(t, provider.OAuthConfig{RefreshToken: "my-token"}, refusal(401, "my-token"))
	_, err = o.Token(t.Context())
	assert.Equal(t, "***", credentialError(t, err).Code)
}

// No answer at all is the transport's own error, for whoever wants to know whose
// fault it is.
func TestOAuthTransportErrors(t *testing.T) {
	o, _ := newOAuth(t, provider.OAuthConfig{}, tokenReply{err: errBroken})
	_, err := o.Token(t.Context())
	require.ErrorIs(t, err, errBroken)
	failure := credentialError(t, err)
	assert.Equal(t, provider.ClassTransient, failure.Class)
	assert.Contains(t, err.Error(), tokenURL)

	for name, rt := range map[string]roundTripper{
		"no answer": func(*http.Request) (*http.Response, error) { return nil, nil }, //nolint:nilnil // on purpose
		"no body":   func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: http.StatusOK}, nil },
		"broken off": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(io.MultiReader(strings.NewReader(`{"acc`), failing{}))}, nil
		},
	} {
		o, err := provider.NewOAuth(provider.OAuthConfig{TokenURL: tokenURL + "?secret=pa55", RefreshToken: "r", Transport: rt})
		require.NoError(t, err)
		_, err = o.Token(t.Context())
		require.Error(t, err, name)
		assert.False(t, credentialError(t, err).Permanent)
		assert.NotContains(t, err.Error(), "pa55")
		require.NoError(t, o.Close())
	}
}

// An endpoint that begins to answer and then says nothing is left in time, and its
// body is closed.
func TestOAuthBodyThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		o, err := provider.NewOAuth(provider.OAuthConfig{
			TokenURL: tokenURL, RefreshToken: "r",
			Transport: roundTripper(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: reader}, nil
			}),
		})
		require.NoError(t, err)
		began := time.Now()
		_, err = o.Token(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 30*time.Second, time.Since(began))
		_, err = writer.Write([]byte("x"))
		require.ErrorIs(t, err, io.ErrClosedPipe)
		require.NoError(t, o.Close())
	})
}

// A grant that knows that it is of no use to go on says so.
func TestOAuthGrantMayGiveUpForGood(t *testing.T) {
	calls := 0
	o, e := newOAuth(t, provider.OAuthConfig{Grant: func(context.Context) (url.Values, error) {
		calls++
		return nil, &provider.CredentialError{Source: "workload identity", Class: provider.ClassAuthInvalid, Permanent: true, Err: errBroken}
	}}, good())
	for range 3 {
		_, err := o.Token(t.Context())
		require.ErrorIs(t, err, errBroken)
		assert.True(t, credentialError(t, err).Permanent)
	}
	assert.Equal(t, 1, calls)
	assert.Zero(t, e.count())
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("cut") }
