package provider

import (
	"net/http"
	"strings"
)

const (
	anthropicName = "anthropic"
	anthropicBase = "https://api.anthropic.com"
)

// Anthropic is the Anthropic API at its official base,
// https://api.anthropic.com, whose paths start with /v1, with the key in
// x-api-key (ant-docs); its OpenAI-compatible path takes the key as a bearer
// token. A token that begins with sk-ant-oat goes as [AnthropicOAuth] sends it;
// for other OAuth tokens, set Authorize to that. The headers anthropic-version
// and anthropic-beta are the caller's and stay as they are, but for what OAuth
// adds.
var Anthropic = &Provider{
	Name:    anthropicName,
	BaseURL: anthropicBase,
	parsed:  officialBase(anthropicBase),
	Source:  "ant-docs, ant-ts; provider-facts 4",
	API: &API{
		Name:  "anthropic",
		Match: matchBelow(anthropicBase),
		Describe: func(r *http.Request, body []byte) Operation {
			return describe(anthropicName, anthropicRoutes, r, body)
		},
		Classify: anthropicProtocol.classify,
		NewMeter: anthropicMeter,
		Authorize: func(r *http.Request, token string) error {
			if strings.HasPrefix(token, anthropicOAuthPrefix) {
				return AnthropicOAuth(r, token)
			}
			return anthropicKey(r, token)
		},
	},
}

// anthropicMeter counts the OpenAI-compatible layer as OpenAI does.
func anthropicMeter(op Operation, h http.Header) Meter {
	if op.Kind == OpChat {
		return openaiProtocol.newMeter(op, h)
	}
	return anthropicProtocol.newMeter(op, h)
}

// xAPIKey sets the token as Anthropic's own API takes it.
func xAPIKey(r *http.Request, token string) error {
	return setCredential(r, "X-Api-Key", "", token)
}
