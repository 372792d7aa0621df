package providertest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// credentialHeaders are the headers that say who pays, in lower case and with -
// for _. They are those that provider.StripCredentials removes, written down a
// second time: a fake must see what package provider forgot.
var credentialHeaders = []string{
	"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key",
	"openai-organization", "openai-project", "anthropic-workspace-id", "ocp-apim-subscription-key",
	"x-amz-security-token", "cf-aig-authorization", "x-auth-token", "x-access-token",
}

// credentialParameters are the query's, likewise, in lower case.
var credentialParameters = []string{
	"key", "access_token", "oauth_token", "api_key", "api-key", "apikey", "x-api-key", "x-goog-api-key", "token", "auth_token",
}

// credentials is everything in a call that can identify who pays for it. The
// call's body has been read, so that its trailer is there.
func credentials(r *http.Request) http.Header {
	seen := make(http.Header)
	for _, h := range []http.Header{r.Header, r.Trailer} {
		for name, values := range h {
			if len(values) > 0 && slices.Contains(credentialHeaders, strings.ReplaceAll(strings.ToLower(name), "_", "-")) {
				name = http.CanonicalHeaderKey(name)
				seen[name] = append(seen[name], values...)
			}
		}
	}
	parts := strings.FieldsFunc(r.URL.RawQuery, func(c rune) bool { return c == '&' || c == ';' })
	for _, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		name = strings.ToLower(strings.TrimSpace(plainQuery(name)))
		if slices.Contains(credentialParameters, name) {
			seen["query:"+name] = append(seen["query:"+name], plainQuery(value))
		}
	}
	return seen
}

// plainQuery is a part of a query without its escapes; as it is if they are
// broken.
func plainQuery(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// bearer is the token of an Authorization header; "": there is none.
func bearer(h http.Header) string {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// masked shows enough of a key to recognise it and not enough to use it.
func masked(key string) string {
	if len(key) < 16 {
		return "****"
	}
	return key[:8] + "****" + key[len(key)-4:]
}
