package provider

import (
	"errors"
	"net/http"
	"strings"
)

// BearerAuth sets the token as RFC 6750 says, Authorization: Bearer, for
// [Provider].Authorize. It refuses a token that cannot stand in a header,
// without quoting it.
func BearerAuth(r *http.Request, token string) error {
	return bearer(r, token)
}

// HeaderAuth returns what sets the token as the whole value of the header name,
// for [Provider].Authorize: HeaderAuth("api-key") for Azure, and in the same way
// x-api-key and x-goog-api-key. It refuses a token that cannot stand in a header,
// without quoting it.
func HeaderAuth(name string) func(r *http.Request, token string) error {
	return func(r *http.Request, token string) error {
		if name == "" {
			return errors.New("provider: HeaderAuth has no name of a header: write HeaderAuth(\"api-key\"), for example")
		}
		return setCredential(r, name, "", token)
	}
}

// The tokens of Anthropic, and the beta without which its API takes OAuth tokens
// for wrong (provider-facts 4.1, trap 3).
const (
	anthropicKeyPrefix   = "sk-ant-api"
	anthropicOAuthPrefix = "sk-ant-oat"
	anthropicOAuthBeta   = "oauth-2025-04-20"
	anthropicBetaHeader  = "Anthropic-Beta"
)

// AnthropicOAuth sets an OAuth access token for Anthropic's API, also one of
// workload identity federation: as a bearer token, with oauth-2025-04-20 among the
// values of anthropic-beta, those that are there kept. What begins with sk-ant-api
// is a key all the same, and goes as one. For [Provider].Authorize, where the
// tokens do not begin with sk-ant-oat:
//
//	federated := *provider.Anthropic
//	federated.Authorize = provider.AnthropicOAuth
func AnthropicOAuth(r *http.Request, token string) error {
	if strings.HasPrefix(token, anthropicKeyPrefix) {
		return anthropicKey(r, token)
	}
	if err := bearer(r, token); err != nil {
		return err
	}
	mergeBeta(r.Header, anthropicOAuthBeta)
	return nil
}

// anthropicKey sets an API key.
func anthropicKey(r *http.Request, token string) error {
	if r.URL != nil && strings.HasSuffix(r.URL.Path, "/chat/completions") {
		return bearer(r, token)
	}
	return xAPIKey(r, token)
}

// mergeBeta puts beta among the values of anthropic-beta, on one line.
func mergeBeta(h http.Header, beta string) {
	all := strings.Join(h.Values(anthropicBetaHeader), ",")
	for value := range strings.SplitSeq(all, ",") {
		if strings.TrimSpace(value) == beta {
			return
		}
	}
	if strings.TrimSpace(all) != "" {
		beta = all + "," + beta
	}
	h.Set(anthropicBetaHeader, beta)
}
