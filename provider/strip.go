package provider

import (
	"net/http"
	"net/url"
	"strings"
)

// credentialHeaders are the request headers that say who pays: the official
// SDKs', the clouds' and the common gateways'. When a key arrives in two of
// them the provider picks one by rules of its own (at Anthropic x-api-key
// beats Authorization), so none may be left over. Lower case, - for _.
var credentialHeaders = map[string]bool{
	"authorization":             true,
	"proxy-authorization":       true,
	"cookie":                    true,
	"x-api-key":                 true, // Anthropic
	"api-key":                   true, // Azure
	"x-goog-api-key":            true, // Gemini
	"openai-organization":       true, // bills the organisation named
	"openai-project":            true, // bills the project named
	"anthropic-workspace-id":    true, // bills the workspace named
	"ocp-apim-subscription-key": true, // Azure API Management
	"x-amz-security-token":      true, // AWS
	"cf-aig-authorization":      true, // Cloudflare AI Gateway
	"x-auth-token":              true,
	"x-access-token":            true,
}

// credentialParams are the query parameters that carry a key. Lower case.
var credentialParams = map[string]bool{
	"key":            true, // Gemini
	"access_token":   true, // Google
	"oauth_token":    true, // Google
	"api_key":        true,
	"api-key":        true,
	"apikey":         true,
	"x-api-key":      true,
	"x-goog-api-key": true,
	"token":          true,
	"auth_token":     true,
}

// StripCredentials removes every credential from r, whoever sent it: headers
// and trailers in any spelling, query parameters, and the URL's user info.
// What is left of the query keeps its order and its bytes. Headers that do not
// pay (anthropic-version, anthropic-beta, OpenAI-Beta, x-goog-user-project,
// x-claude-code-*, traceparent and the like) stay.
//
// r and its maps must be the caller's to change; r.URL is replaced, not
// changed.
func StripCredentials(r *http.Request) {
	stripHeader(r.Header)
	stripHeader(r.Trailer)
	if r.URL == nil || r.URL.RawQuery == "" && r.URL.User == nil {
		return
	}
	u := *r.URL
	u.User = nil
	u.RawQuery = stripQuery(u.RawQuery)
	r.URL = &u
}

// WithoutCredentials returns a copy of a header or trailer without what
// StripCredentials removes from it; nil of nil. h is not changed.
func WithoutCredentials(h http.Header) http.Header {
	if h == nil {
		return nil
	}
	all := 0
	for _, values := range h {
		all += len(values)
	}
	copied := make([]string, all) // of all values, as Header.Clone does
	clean := make(http.Header, len(h)+1)
	for name, values := range h {
		if isCredentialHeader(name) {
			continue
		}
		n := copy(copied, values)
		clean[name] = copied[:n:n]
		copied = copied[n:]
	}
	return clean
}

func stripHeader(h http.Header) {
	for name := range h {
		if isCredentialHeader(name) {
			delete(h, name)
		}
	}
}

// longestCredential is as long as the names of credentialHeaders are at most.
const longestCredential = 32

// credentialLengths says of each length whether one of credentialHeaders has it: most
// headers are of another.
var credentialLengths = func() (t [longestCredential + 1]bool) {
	for name := range credentialHeaders {
		t[len(name)] = true
	}
	return t
}()

// isCredentialHeader looks a name up in whatever spelling.
func isCredentialHeader(name string) bool {
	if len(name) > longestCredential || !credentialLengths[len(name)] {
		return false
	}
	var plain [longestCredential]byte
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_':
			c = '-'
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		plain[i] = c
	}
	return credentialHeaders[string(plain[:len(name)])]
}

// stripQuery drops the parameters that carry a key. A ; separates parameters
// too, as it does for some servers.
func stripQuery(query string) string {
	var kept strings.Builder
	first := true
	for from := 0; from <= len(query); {
		to := len(query)
		if i := strings.IndexAny(query[from:], "&;"); i >= 0 {
			to = from + i
		}
		if part := query[from:to]; !isCredentialParam(part) {
			if !first {
				kept.WriteByte(query[from-1])
			}
			kept.WriteString(part)
			first = false
		}
		from = to + 1
	}
	return kept.String()
}

func isCredentialParam(part string) bool {
	name, _, _ := strings.Cut(part, "=")
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	return credentialParams[strings.ToLower(strings.TrimSpace(name))]
}
