package providertest

import (
	"net/http"
	"net/url"
	"strings"
)

var credentialHeaders = []string{
	"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Proxy-Authorization",
	"Cookie", "Openai-Organization", "Openai-Project",
}

var credentialParameters = []string{"key", "access_token"}

// credentials is everything in a call that can identify who pays for it.
func credentials(h http.Header, q url.Values) http.Header {
	seen := make(http.Header)
	for _, name := range credentialHeaders {
		if v := h.Values(name); len(v) > 0 {
			seen[name] = append([]string(nil), v...)
		}
	}
	for _, name := range credentialParameters {
		if v := q[name]; len(v) > 0 {
			seen["query:"+name] = append([]string(nil), v...)
		}
	}
	return seen
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
