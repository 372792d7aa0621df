package e2e_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport/transporttest/realproxy"
)

// caller makes one call with one of the official clients.
type caller interface {
	do(*testing.T, job) outcome
}

// callers are the clients of all languages.
var callers = map[string]func(*testing.T) caller{
	"go":     func(*testing.T) caller { return goClients{} },
	"node":   func(t *testing.T) caller { return node(t) },
	"python": func(t *testing.T) caller { return python(t) },
}

// models are what is asked of each provider.
var models = map[string]string{"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-5", "gemini": "gemini-2.5-flash"}

// Every official client is answered through real proxies, streamed and not.
func TestClientsAreAnswered(t *testing.T) {
	u := newUpstreams(t)
	squid, dante := realproxy.Squid(t, realproxy.Config{User: "team", Password: "pw-1"}), realproxy.Dante(t, realproxy.Config{})
	g := startGateway(t, settings{Upstreams: u, HTTPProxy: squid.URL(), SOCKS: dante.URL()})
	for language, open := range callers {
		t.Run(language, func(t *testing.T) {
			c := open(t)
			for _, want := range []struct {
				client, call, text string
				stream             bool
			}{
				{client: "openai", call: "chat", text: "Hello from openai."},
				{client: "openai", call: "chat", text: "Hello from openai.", stream: true},
				{client: "openai", call: "responses", text: "Hello from openai."},
				{client: "openai", call: "responses", text: "Hello from openai.", stream: true},
				{client: "openai", call: "embeddings", text: "1"},
				{client: "anthropic", call: "messages", text: "Hello from anthropic."},
				{client: "anthropic", call: "messages", text: "Hello from anthropic.", stream: true},
				{client: "anthropic", call: "count"},
				{client: "gemini", call: "generate", text: "Hello from gemini."},
				{client: "gemini", call: "generate", text: "Hello from gemini.", stream: true},
			} {
				model := models[want.client]
				if want.call == "embeddings" {
					model = "text-embedding-3-small"
				}
				got := c.do(t, job{Client: want.client, Call: want.call, Stream: want.stream, Base: g.Base, Key: goodKey, Model: model})
				require.Empty(t, got.Error, "%s %s: %s", want.client, want.call, got.Message)
				assert.Equal(t, want.text, got.Text, "%s %s", want.client, want.call)
				if !want.stream {
					assert.EqualValues(t, 11, got.Input, "%s %s", want.client, want.call)
				}
			}
			for client := range models {
				got := c.do(t, job{Client: client, Call: "models", Base: g.Base, Key: goodKey})
				require.Empty(t, got.Error, "%s: %s", client, got.Message)
				assert.NotEmpty(t, got.Models, client)
			}
		})
	}
	ways := g.ways()
	assert.NotZero(t, ways[strings.Replace(squid.URL(), "pw-1", "***", 1)], "through squid: %v", ways)
	assert.NotZero(t, ways[dante.URL()], "through dante: %v", ways)
	assert.Len(t, ways, 2, "and by no other way")
	assert.NotContains(t, g.log.String(), "pw-1")
}

// classes are what each client calls the errors that it gets.
var classes = map[string]map[string]map[int]string{
	"go": {
		"openai":    {401: "*openai.Error", 402: "*openai.Error", 403: "*openai.Error", 429: "*openai.Error", 503: "*openai.Error"},
		"anthropic": {401: "*anthropic.Error", 402: "*anthropic.Error", 403: "*anthropic.Error", 429: "*anthropic.Error", 503: "*anthropic.Error"},
		"gemini":    {401: "genai.APIError", 402: "genai.APIError", 403: "genai.APIError", 429: "genai.APIError", 503: "genai.APIError"},
	},
	"node": {
		"openai":    {401: "AuthenticationError", 402: "APIError", 403: "PermissionDeniedError", 429: "RateLimitError", 503: "InternalServerError"},
		"anthropic": {401: "AuthenticationError", 402: "PaymentRequiredError", 403: "PermissionDeniedError", 429: "RateLimitError", 503: "ServiceUnavailableError"},
		"gemini":    {401: "ApiError", 402: "ApiError", 403: "ApiError", 429: "ApiError", 503: "ApiError"},
	},
	"python": {
		"openai":    {401: "AuthenticationError", 402: "APIStatusError", 403: "PermissionDeniedError", 429: "RateLimitError", 503: "InternalServerError"},
		"anthropic": {401: "AuthenticationError", 402: "PaymentRequiredError", 403: "PermissionDeniedError", 429: "RateLimitError", 503: "ServiceUnavailableError"},
		"gemini":    {401: "ClientError", 402: "ClientError", 403: "ClientError", 429: "ClientError", 503: "ServerError"},
	},
}

// Every official client gets each error in the class that it has for it, and nothing of
// what was refused reaches a provider.
func TestClientsAreRefused(t *testing.T) {
	calls := map[string]string{"openai": "chat", "anthropic": "messages", "gemini": "generate"}
	for language, open := range callers {
		t.Run(language, func(t *testing.T) {
			u := newUpstreams(t)
			g := startGateway(t, settings{Upstreams: u})
			c := open(t)
			for client, call := range calls {
				for _, key := range []string{poorKey, slowKey} { // the one request that each has
					got := c.do(t, job{Client: client, Call: call, Base: g.Base, Key: key, Model: models[client]})
					if client == "openai" || key == slowKey && got.Status == 0 {
						continue
					}
					require.Contains(t, []int{0, 402, 429}, got.Status, got.Message)
				}
				before := u.hits()
				for _, want := range []struct {
					status    int
					key, word string
				}{
					{401, wrongKey, "invalid token"},
					{401, expiredKey, "token expired"},
					{402, poorKey, "quota exceeded"},
					{403, modelKey, "model not allowed"},
					{429, slowKey, "rate limit exceeded"},
					{503, deadKey, "proxy failed"},
				} {
					for _, stream := range []bool{false, true} {
						t.Run(client+" "+want.word+" stream="+strconv.FormatBool(stream), func(t *testing.T) {
							got := c.do(t, job{Client: client, Call: call, Stream: stream, Base: g.Base, Key: want.key, Model: models[client]})
							assert.Equal(t, want.status, got.Status, got.Message)
							assert.Equal(t, classes[language][client][want.status], got.Error)
							assert.Contains(t, strings.ToLower(got.Message), want.word)
							assert.NotContains(t, got.Message, upstreamKey)
						})
					}
				}
				assert.Equal(t, before, u.hits(), "nothing of it reached a provider")
			}
		})
	}
}
