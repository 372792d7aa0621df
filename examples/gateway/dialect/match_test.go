package dialect_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/dialect"
)

// request is one as a server gets it, with headers written as "name: value".
func request(t *testing.T, method, target string, headers ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	return r
}

func TestRequestsOfEveryClientAreMatched(t *testing.T) {
	const oai, ant, gem = "https://api.openai.com", "https://api.anthropic.com", "https://generativelanguage.googleapis.com"
	version := "anthropic-version: 2023-06-01"
	for _, c := range []struct {
		method, target string
		headers        []string
		api            dialect.API
		group, url     string
		local          dialect.Local
		model          string
		body           dialect.Body
	}{
		{method: "POST", target: "/v1/chat/completions", api: dialect.OpenAI, url: oai + "/v1/chat/completions", body: dialect.BodyJSON},
		{method: "POST", target: "/chat/completions", api: dialect.OpenAI, url: oai + "/v1/chat/completions", body: dialect.BodyJSON},
		{method: "POST", target: "//v1//chat/completions/", api: dialect.OpenAI, url: oai + "/v1/chat/completions", body: dialect.BodyJSON},
		{method: "POST", target: "/responses?beta=true", api: dialect.OpenAI, url: oai + "/v1/responses?beta=true", body: dialect.BodyJSON},
		{method: "POST", target: "/v1/batches/b1/cancel", api: dialect.OpenAI, url: oai + "/v1/batches/b1/cancel", body: dialect.BodyOptional},
		{method: "GET", target: "/v1/responses/resp_1?stream=true", api: dialect.OpenAI, url: oai + "/v1/responses/resp_1?stream=true"},
		{method: "DELETE", target: "/v1/responses/resp_1", api: dialect.OpenAI, url: oai + "/v1/responses/resp_1"},
		{method: "POST", target: "/embeddings", api: dialect.OpenAI, url: oai + "/v1/embeddings", body: dialect.BodyJSON},
		{method: "POST", target: "/v1/images/edits", api: dialect.OpenAI, url: oai + "/v1/images/edits", body: dialect.BodyAny},
		{method: "POST", target: "/v1/audio/transcriptions", api: dialect.OpenAI, url: oai + "/v1/audio/transcriptions", body: dialect.BodyAny},
		{method: "POST", target: "/v1/files", api: dialect.OpenAI, url: oai + "/v1/files", body: dialect.BodyAny},
		{method: "GET", target: "/v1/files/f1/content", api: dialect.OpenAI, url: oai + "/v1/files/f1/content"},
		{method: "GET", target: "/models", api: dialect.OpenAI, local: dialect.LocalModels},
		{method: "GET", target: "/v1/models/openai/gpt-4o", api: dialect.OpenAI, local: dialect.LocalModel, model: "openai/gpt-4o"},
		{method: "GET", target: "/v1/models/openai%2Fgpt-4o", api: dialect.OpenAI, local: dialect.LocalModel, model: "openai/gpt-4o"},
		{method: "GET", target: "/v1/models/ft:gpt-4o:org::id", api: dialect.OpenAI, local: dialect.LocalModel, model: "ft:gpt-4o:org::id"},
		{method: "POST", target: "/team/v1/chat/completions", api: dialect.OpenAI, group: "team", url: oai + "/v1/chat/completions", body: dialect.BodyJSON},
		{method: "POST", target: "/team/openai/v1/chat/completions", api: dialect.OpenAI, group: "team", url: oai + "/v1/chat/completions", body: dialect.BodyJSON},
		{method: "POST", target: "/openai/audio/speech", api: dialect.OpenAI, url: oai + "/v1/audio/speech", body: dialect.BodyJSON},

		{method: "POST", target: "/v1/messages?beta=true", api: dialect.Anthropic, url: ant + "/v1/messages?beta=true", body: dialect.BodyJSON},
		{method: "POST", target: "/v1/messages/count_tokens", api: dialect.Anthropic, url: ant + "/v1/messages/count_tokens", body: dialect.BodyJSON},
		{method: "GET", target: "/v1/messages/batches/b1/results", api: dialect.Anthropic, url: ant + "/v1/messages/batches/b1/results"},
		{method: "GET", target: "/v1/models?limit=1000", headers: []string{"x-api-key: k"}, api: dialect.Anthropic, local: dialect.LocalModels},
		{method: "GET", target: "/v1/models/claude-x", headers: []string{version}, api: dialect.Anthropic, local: dialect.LocalModel, model: "claude-x"},
		{method: "GET", target: "/v1/files", headers: []string{version}, api: dialect.Anthropic, url: ant + "/v1/files"},
		{method: "POST", target: "/anthropic/v1/messages", api: dialect.Anthropic, url: ant + "/v1/messages", body: dialect.BodyJSON},
		{method: "GET", target: "/team/anthropic/v1/models", api: dialect.Anthropic, group: "team", local: dialect.LocalModels},
		{method: "HEAD", target: "/api/hello", api: dialect.Anthropic, local: dialect.LocalHello},
		{method: "GET", target: "/anthropic/api/hello", api: dialect.Anthropic, local: dialect.LocalHello},
		{method: "HEAD", target: "/team/api/hello", api: dialect.Anthropic, group: "team", local: dialect.LocalHello},

		{method: "POST", target: "/v1beta/models/gemini-x:streamGenerateContent?alt=sse", api: dialect.Gemini, url: gem + "/v1beta/models/gemini-x:streamGenerateContent?alt=sse", body: dialect.BodyJSON},
		{method: "POST", target: "/v1/models/gemini-x:generateContent", api: dialect.Gemini, url: gem + "/v1/models/gemini-x:generateContent", body: dialect.BodyJSON},
		{method: "POST", target: "/v1beta/models/gemini-x%3AcountTokens", api: dialect.Gemini, url: gem + "/v1beta/models/gemini-x:countTokens", body: dialect.BodyJSON},
		{method: "GET", target: "/v1beta/models", api: dialect.Gemini, local: dialect.LocalModels},
		{method: "GET", target: "/v1/models", headers: []string{"x-goog-api-key: k"}, api: dialect.Gemini, local: dialect.LocalModels},
		{method: "GET", target: "/gemini/v1beta/models/gemini-x", api: dialect.Gemini, local: dialect.LocalModel, model: "gemini-x"},
		{method: "POST", target: "/upload/v1beta/files", api: dialect.Gemini, url: gem + "/upload/v1beta/files", body: dialect.BodyAny},
		{method: "GET", target: "/v1beta/files/f1:download?alt=media", api: dialect.Gemini, url: gem + "/v1beta/files/f1:download?alt=media"},
		{method: "PATCH", target: "/v1beta/cachedContents/c1", api: dialect.Gemini, url: gem + "/v1beta/cachedContents/c1", body: dialect.BodyOptional},
		{method: "POST", target: "/v1beta/interactions", api: dialect.Gemini, url: gem + "/v1beta/interactions", body: dialect.BodyOptional},
		{method: "POST", target: "/v1beta/openai/chat/completions", api: dialect.OpenAI, url: gem + "/v1beta/openai/chat/completions", body: dialect.BodyJSON},
		{method: "POST", target: "/team/v1beta/models/gemini-x:generateContent", api: dialect.Gemini, group: "team", url: gem + "/v1beta/models/gemini-x:generateContent", body: dialect.BodyJSON},

		{method: "HEAD", target: "/", api: dialect.OpenAI, local: dialect.LocalRoot},
		{method: "OPTIONS", target: "/v1/messages", api: dialect.Anthropic, local: dialect.LocalOptions},
		{method: "OPTIONS", target: "*", api: dialect.OpenAI, local: dialect.LocalOptions},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			route, problem := dialect.Match(request(t, c.method, c.target, c.headers...))
			require.Nil(t, problem)
			assert.Equal(t, c.api.String(), route.API.String())
			assert.Equal(t, c.group, route.Group)
			assert.Equal(t, c.local, route.Local)
			assert.Equal(t, c.model, route.Model)
			assert.Equal(t, c.body, route.Body)
			if c.url == "" {
				assert.Nil(t, route.URL)
			} else {
				require.NotNil(t, route.URL)
				assert.Equal(t, c.url, route.URL.String())
			}
		})
	}
}

func TestWhatNoClientSendsIsRefused(t *testing.T) {
	for _, c := range []struct {
		method, target string
		headers        []string
		api            dialect.API
		code           string
		allow          string
	}{
		{method: "GET", target: "/v2/chat/completions", api: dialect.OpenAI, code: dialect.CodeNotFound},
		{method: "GET", target: "/v1/organization/users", api: dialect.OpenAI, code: dialect.CodeNotFound},
		{method: "GET", target: "/v1/realtime", api: dialect.OpenAI, code: dialect.CodeNotFound},
		{method: "POST", target: "/v1/nothing", headers: []string{"anthropic-version: 1"}, api: dialect.Anthropic, code: dialect.CodeNotFound},
		{method: "POST", target: "/v1beta/nothing", api: dialect.Gemini, code: dialect.CodeNotFound},
		{method: "GET", target: "/v1", api: dialect.OpenAI, code: dialect.CodeNotFound},
		{method: "POST", target: "/a/b/v1/chat/completions", api: dialect.OpenAI, code: dialect.CodeNotFound},
		{method: "POST", target: "/te%20am/v1/chat/completions", api: dialect.OpenAI, code: dialect.CodeNotFound},
		{method: "POST", target: "/v1/chat%2Fcompletions", api: dialect.OpenAI, code: dialect.CodeNotFound},
		{method: "POST", target: "/v1%2Fchat/completions", api: dialect.OpenAI, code: dialect.CodeNotFound},
		{method: "POST", target: "/v1/models%2Fgemini-x:generateContent", api: dialect.OpenAI, code: dialect.CodeNotFound},
		{method: "POST", target: "/v1beta/models/a%2Fb:generateContent", api: dialect.Gemini, code: dialect.CodeNotFound},
		{method: "GET", target: "/v1/files/a%2Fb/content", api: dialect.OpenAI, code: dialect.CodeNotFound},
		{method: "GET", target: "/v1/models/a%2Fb/a%2Fb", api: dialect.OpenAI, code: dialect.CodeNotFound},
		{method: "POST", target: "/v1/../v1/chat/completions", api: dialect.OpenAI, code: dialect.CodeInvalidRequest},
		{method: "POST", target: "/v1/%2e%2E/admin", api: dialect.OpenAI, code: dialect.CodeInvalidRequest},
		{method: "GET", target: "/v1/files/..;x", api: dialect.OpenAI, code: dialect.CodeInvalidRequest},
		{method: "GET", target: "/v1/files/a%00b", api: dialect.OpenAI, code: dialect.CodeInvalidRequest},
		{method: "GET", target: "/v1/files/a%0d%0aHost:x", api: dialect.OpenAI, code: dialect.CodeInvalidRequest},
		{method: "GET", target: "/v1/files/a%5Cb", api: dialect.OpenAI, code: dialect.CodeInvalidRequest},
		{method: "GET", target: "/v1/files/%252e%252e", api: dialect.OpenAI, code: dialect.CodeInvalidRequest},
		{method: "GET", target: "/v1/files/%ff", api: dialect.OpenAI, code: dialect.CodeInvalidRequest},
		{method: "GET", target: "/v1/files/" + strings.Repeat("a", 3000), api: dialect.OpenAI, code: dialect.CodeInvalidRequest},
		{method: "GET", target: strings.Repeat("/a", 40), api: dialect.OpenAI, code: dialect.CodeInvalidRequest},
		{method: "GET", target: "/v1/messages", api: dialect.Anthropic, code: dialect.CodeMethodNotAllowed, allow: "POST, OPTIONS"},
		{method: "PUT", target: "/v1/chat/completions", api: dialect.OpenAI, code: dialect.CodeMethodNotAllowed, allow: "GET, HEAD, POST, OPTIONS"},
		{method: "GET", target: "/v1beta/models/x:generateContent", api: dialect.Gemini, code: dialect.CodeMethodNotAllowed, allow: "POST, OPTIONS"},
		{method: "TRACE", target: "/v1/models", api: dialect.OpenAI, code: dialect.CodeMethodNotAllowed, allow: "GET, HEAD, OPTIONS"},
		{method: "POST", target: "/", api: dialect.OpenAI, code: dialect.CodeMethodNotAllowed, allow: "GET, HEAD, OPTIONS"},
		{method: "DELETE", target: "/v1/models/gpt-x", api: dialect.OpenAI, code: dialect.CodeMethodNotAllowed, allow: "GET, HEAD, OPTIONS"},
	} {
		t.Run(c.method+" "+c.target[:min(len(c.target), 60)], func(t *testing.T) {
			route, problem := dialect.Match(request(t, c.method, c.target, c.headers...))
			require.NotNil(t, problem)
			assert.Nil(t, route.URL, "so it can go nowhere")
			assert.Equal(t, c.code, problem.Code)
			assert.Equal(t, c.allow, problem.Allow)
			assert.Equal(t, c.api.String(), route.API.String())
		})
	}
}

// FuzzMatch proves that whatever goes to a provider lies below its base, and that no
// server reads another path out of it.
func FuzzMatch(f *testing.F) {
	for _, seed := range []string{"/v1/chat/completions", "/v1/models/a%2Fb", "/x/v1beta/models/m:generateContent", "/%2e%2e/v1/files/%2e", "//v1//files//"} {
		f.Add("POST", seed)
		f.Add("GET", seed)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://gateway"+path, nil)
		if err != nil || r.URL.Host != "gateway" {
			t.Skip("no server passes that on")
		}
		route, problem := dialect.Match(r)
		if problem != nil || route.URL == nil {
			return
		}
		again, err := http.NewRequestWithContext(t.Context(), method, route.URL.String(), nil)
		require.NoError(t, err)
		assert.Equal(t, route.URL.Path, again.URL.Path)
		assert.NotContains(t, route.URL.Path, "//")
		for part := range strings.SplitSeq(route.URL.Path, "/") {
			assert.NotContains(t, []string{".", ".."}, part)
		}
	})
}

// Paths that are known beforehand mean what the same path means when it is taken apart.
func TestBusyPathsAreRoutesAsOthersAre(t *testing.T) {
	for _, path := range []string{"/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/messages"} {
		for _, header := range []http.Header{nil, {"Anthropic-Version": {"2023-06-01"}}, {"X-Goog-Api-Key": {"k"}}} {
			route := func(path string) dialect.Route {
				r := httptest.NewRequest(http.MethodPost, path+"?beta=true", nil)
				r.Header = header
				route, problem := dialect.Match(r)
				require.Nil(t, problem, path)
				return route
			}
			assert.Equal(t, route("/"+path), route(path), "an empty segment more keeps a path from being known")
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions?a=1", nil)
	first, _ := dialect.Match(r)
	first.URL.Path = "/elsewhere"
	second, _ := dialect.Match(r)
	assert.Equal(t, "/v1/chat/completions", second.URL.Path)
}
