package providertest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// A hit has every credential that provider.StripCredentials removes, and no
// other header or parameter.
func TestAHitSeesEveryCredential(t *testing.T) {
	names := slices.Concat(providertest.CredentialHeaders, []string{
		"Anthropic-Workspace-Id", "Ocp-Apim-Subscription-Key", "X-Amz-Security-Token", "Cf-Aig-Authorization",
		"X-Auth-Token", "X-Access-Token", "x_api_key", "X-GOOG-API-KEY",
		"Accept", "Anthropic-Version", "Anthropic-Beta", "Openai-Beta", "X-Goog-User-Project", "Traceparent", "X-Other",
	})
	for _, name := range names {
		h := http.Header{name: {"leaked"}}
		stripped := &http.Request{Header: h.Clone()}
		provider.StripCredentials(stripped)
		hit := hitOf(t, "", h)
		_, seen := hit.Credentials[http.CanonicalHeaderKey(name)]
		assert.Equal(t, len(stripped.Header) == 0, seen, name)
	}
	parameters := slices.Concat(providertest.CredentialParameters, []string{
		"api_key", "token", "oauth_token", "x-goog-api-key", "KEY", "Access_Token", "%6b%65%79", "+key", "key+",
		"alt", "keys", "monkey", "pageToken", "model",
	})
	for _, name := range parameters {
		for _, query := range []string{"a=b&" + name + "=leaked", name + "=leaked;a=b"} {
			stripped := &http.Request{URL: &url.URL{Path: "/", RawQuery: query}}
			provider.StripCredentials(stripped)
			seen := hitOf(t, query, nil).Credentials
			assert.Equal(t, stripped.URL.RawQuery == "a=b", len(seen) == 1, "%s: %v", query, seen)
		}
	}
	h := http.Header{"Authorization": {"Bearer a"}, "X-Api-Key": {"b", "c"}}
	assert.Equal(t, http.Header{
		"Authorization": {"Bearer a"}, "X-Api-Key": {"b", "c"}, "query:key": {"d", "e f"}, "query:token": {"g"},
	}, hitOf(t, "key=d&KEY=e+f&Token=g&x=h", h).Credentials)
}

// hitOf is the hit of a call with this query and this header.
func hitOf(t *testing.T, query string, h http.Header) providertest.Hit {
	t.Helper()
	f := providertest.OpenAI(providertest.Config{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(chatBody))
	r.URL.RawQuery, r.Header = query, h.Clone()
	f.ServeHTTP(httptest.NewRecorder(), r)
	return f.Hits()[0]
}

// A trailer's credentials are seen as well.
func TestAHitSeesCredentialsInTheTrailer(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{})
	server := httptest.NewServer(f)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/chat/completions", io.MultiReader(strings.NewReader(chatBody)))
	require.NoError(t, err)
	r.Trailer = http.Header{"X-Api-Key": {"leaked"}}
	resp, err := server.Client().Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.Header{"X-Api-Key": {"leaked"}}, f.Hits()[0].Credentials)
}
