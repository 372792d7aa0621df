package provider_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// Every way of setting a credential sets that one header, refuses what cannot
// stand in it, and quotes nothing of it.
func TestWaysToSetACredential(t *testing.T) {
	for name, c := range map[string]struct {
		authorize    func(*http.Request, string) error
		path, token  string
		header, want string
	}{
		"bearer":             {provider.BearerAuth, "/v1/x", "t0ken", "Authorization", "Bearer t0ken"},
		"api-key":            {provider.HeaderAuth("api-key"), "/v1/x", "t0ken", "Api-Key", "t0ken"},
		"x-api-key":          {provider.HeaderAuth("x-api-key"), "/v1/x", "t0ken", "X-Api-Key", "t0ken"},
		"x-goog-api-key":     {provider.HeaderAuth("x-goog-api-key"), "/v1/x", "t0ken", "X-Goog-Api-Key", "t0ken"},
		"anthropic key":      {provider.Anthropic.API.Authorize, "/v1/messages", "sk-ant-api03-x", "X-Api-Key", "sk-ant-api03-x"},
		"anthropic other":    {provider.Anthropic.API.Authorize, "/v1/messages", "relay-key", "X-Api-Key", "relay-key"},
		"anthropic own auth": {provider.AnthropicOAuth, "/v1/messages", "sk-ant-api03-x", "X-Api-Key", "sk-ant-api03-x"},
		"anthropic chat":     {provider.AnthropicOAuth, "/v1/chat/completions", "sk-ant-api03-x", "Authorization", "Bearer sk-ant-api03-x"},
		"gemini key":         {provider.Gemini.API.Authorize, "/v1beta/models/x:generateContent", "AIzaX", "X-Goog-Api-Key", "AIzaX"},
		"gemini oauth":       {provider.Gemini.API.Authorize, "/v1beta/models/x:generateContent", "ya29.x", "Authorization", "Bearer ya29.x"},
		"gemini compatible":  {provider.Gemini.API.Authorize, "/v1beta/openai/chat/completions", "ya29.x", "Authorization", "Bearer ya29.x"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{URL: &url.URL{Path: c.path}}
			require.NoError(t, c.authorize(r, c.token))
			assert.Equal(t, http.Header{c.header: {c.want}}, r.Header)
			for _, bad := range []string{"", c.token + " pa55", "pa55\n", "pa55wörd"} {
				r := &http.Request{URL: &url.URL{Path: c.path}, Header: http.Header{}}
				err := c.authorize(r, bad)
				require.Error(t, err)
				assert.NotContains(t, err.Error(), "pa55")
				assert.Empty(t, r.Header)
			}
		})
	}
	assert.ErrorContains(t, provider.HeaderAuth("")(&http.Request{}, "t"), "HeaderAuth(")
}

// An OAuth token needs its beta, beside those that the caller asks for.
func TestAnthropicOAuthKeepsTheCallersBetas(t *testing.T) {
	const oat, other = "sk-ant-oat01-x", "wif-token"
	for name, c := range map[string]struct {
		authorize func(*http.Request, string) error
		token     string
		have      []string
		want      []string
	}{
		"by its prefix":   {provider.Anthropic.API.Authorize, oat, nil, []string{"oauth-2025-04-20"}},
		"another token":   {provider.AnthropicOAuth, other, nil, []string{"oauth-2025-04-20"}},
		"beside another":  {provider.Anthropic.API.Authorize, oat, []string{"files-api-2025-04-14"}, []string{"files-api-2025-04-14,oauth-2025-04-20"}},
		"on two lines":    {provider.Anthropic.API.Authorize, oat, []string{"a, b", "c"}, []string{"a, b,c,oauth-2025-04-20"}},
		"already there":   {provider.Anthropic.API.Authorize, oat, []string{"a, oauth-2025-04-20 ,b"}, []string{"a, oauth-2025-04-20 ,b"}},
		"there, line two": {provider.Anthropic.API.Authorize, oat, []string{"a", "oauth-2025-04-20"}, []string{"a", "oauth-2025-04-20"}},
		"an empty one":    {provider.Anthropic.API.Authorize, oat, []string{""}, []string{"oauth-2025-04-20"}},
		"a longer one":    {provider.Anthropic.API.Authorize, oat, []string{"oauth-2025-04-20x"}, []string{"oauth-2025-04-20x,oauth-2025-04-20"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{URL: &url.URL{Path: "/v1/messages"}, Header: http.Header{}}
			for _, v := range c.have {
				r.Header.Add("anthropic-beta", v)
			}
			require.NoError(t, c.authorize(r, c.token))
			assert.Equal(t, http.Header{"Authorization": {"Bearer " + c.token}, "Anthropic-Beta": c.want}, r.Header)
		})
	}
}

// What stands in provider-facts 2.6, and what else is known to pay, goes; what only
// says how, stays, to the byte.
func TestStripCredentialsKnowsThemAll(t *testing.T) {
	headers := []string{
		"Authorization", "x-api-key", "api-key", "x-goog-api-key", "Proxy-Authorization", "Cookie",
		"OpenAI-Organization", "OpenAI-Project", "anthropic-workspace-id",
		"Ocp-Apim-Subscription-Key", "X-Amz-Security-Token", "cf-aig-authorization", "X-Auth-Token", "X-Access-Token",
	}
	for _, name := range headers {
		for _, spelled := range []string{name, http.CanonicalHeaderKey(name)} {
			r := &http.Request{URL: &url.URL{Path: "/"}, Header: http.Header{spelled: {"secret"}, "Accept": {"a"}}}
			assert.Equal(t, http.Header{"Accept": {"a"}}, provider.WithoutCredentials(r.Header), spelled)
			assert.Len(t, r.Header, 2, "the caller's")
			provider.StripCredentials(r)
			assert.Equal(t, http.Header{"Accept": {"a"}}, r.Header, spelled)
		}
	}
	for _, name := range []string{
		"key", "access_token", "oauth_token", "api_key", "api-key", "apikey", "x-api-key", "x-goog-api-key", "token", "auth_token",
		"KEY", "Access_Token", "%6b%65%79", "+key", "key+",
	} {
		r := &http.Request{URL: &url.URL{Path: "/", RawQuery: "a=%20+1&" + name + "=secret&alt=sse"}}
		provider.StripCredentials(r)
		assert.Equal(t, "a=%20+1&alt=sse", r.URL.RawQuery, name)
	}
	keep := http.Header{
		"anthropic-version": {"2026-10-21"}, "Anthropic-Beta": {"a,b", "oauth-2025-04-20"}, "anthropic-dangerous-direct-browser-access": {"true"},
		"x-claude-code-session-id": {"s"}, "OpenAI-Beta": {"x"}, "X-Client-Request-Id": {"1"}, "x-goog-api-client": {"c"},
		"x-goog-user-project": {"p"}, "Api-Revision": {"2026-05-20"}, "traceparent": {"t"}, "x-server-timeout": {"1"},
	}
	r := &http.Request{URL: &url.URL{Path: "/", RawQuery: "beta=true&limit=1000&api-version=1"}, Header: keep.Clone()}
	provider.StripCredentials(r)
	assert.Equal(t, keep, r.Header)
	assert.Equal(t, keep, provider.WithoutCredentials(keep))
	assert.Nil(t, provider.WithoutCredentials(nil))
	assert.Equal(t, "beta=true&limit=1000&api-version=1", r.URL.RawQuery)
}

// A copy shares nothing with what it was made from, and appending to one of its headers
// changes no other.
func TestWithoutCredentialsCopies(t *testing.T) {
	original := http.Header{"Accept": {"a", "b"}, "Via": {"c"}, "Authorization": {"secret"}}
	clean := provider.WithoutCredentials(original)
	for name := range clean {
		clean[name] = append(clean[name], "d")
		clean[name][0] = "e"
	}
	assert.Equal(t, http.Header{"Accept": {"e", "b", "d"}, "Via": {"e", "d"}}, clean)
	assert.Equal(t, http.Header{"Accept": {"a", "b"}, "Via": {"c"}, "Authorization": {"secret"}}, original)
}
