package providertest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aitransport/aitransport/provider/providertest"
)

const (
	generatePath = "/v1beta/models/m1:generateContent"
	streamPath   = "/v1beta/models/m1:streamGenerateContent"
)

func TestGenerateContent(t *testing.T) {
	call := serve(t, providertest.Gemini(providertest.Config{Text: text, CachedTokens: 5}))
	r := call(asked{path: generatePath, key: "k", body: contentBody})
	content := map[string]any{
		"candidates.0.content.role": "model", "candidates.0.content.parts.0.text": text, "candidates.0.finishReason": "STOP",
		"usageMetadata.promptTokenCount": 11.0, "usageMetadata.cachedContentTokenCount": 5.0,
		"usageMetadata.candidatesTokenCount": 7.0, "usageMetadata.totalTokenCount": 18.0, "modelVersion": "m1",
	}
	want(t, r.body, content)
	r = call(asked{path: strings.Replace(generatePath, "v1beta", "v1", 1) + "?key=k", body: contentBody})
	want(t, r.body, content)
	r = call(asked{path: "/v1beta/models/m1:countTokens", key: "k", body: contentBody})
	want(t, r.body, map[string]any{"totalTokens": 11.0})
	r = call(asked{path: "/v1beta/models/org%2Fa:b:generateContent", key: "k"})
	want(t, r.body, map[string]any{"modelVersion": "org/a:b"})
}

// checkChunks is the same for both forms of a stream: usage in every chunk,
// the end only in the last.
func checkChunks(t *testing.T, chunks []string) {
	t.Helper()
	said, spent := "", 0.0
	for i, c := range chunks {
		said += dig(t, c, "candidates.0.content.parts.0.text").(string)
		_, ends := dig(t, c, "candidates.0").(map[string]any)["finishReason"]
		now := dig(t, c, "usageMetadata.candidatesTokenCount").(float64)
		if ends != (i == len(chunks)-1) || now < spent {
			t.Errorf("chunk %d of %d: %s", i, len(chunks), c)
		}
		spent = now
	}
	if said != text || spent != 7 || len(chunks) < 3 {
		t.Errorf("said %q for %v tokens in %d chunks", said, spent, len(chunks))
	}
}

func TestGeminiStream(t *testing.T) {
	call := serve(t, providertest.Gemini(providertest.Config{Text: text}))
	r := call(asked{path: streamPath + "?alt=sse", key: "k", body: contentBody})
	if r.header.Get("Content-Type") != "text/event-stream" {
		t.Error(r.header)
	}
	var chunks []string
	for _, e := range events(t, r.body, "\r\n\r\n") {
		chunks = append(chunks, e.data)
	}
	checkChunks(t, chunks)

	r = call(asked{path: streamPath, key: "k", body: contentBody})
	if !strings.HasPrefix(r.header.Get("Content-Type"), "application/json") {
		t.Error(r.header)
	}
	var array []json.RawMessage
	if err := json.Unmarshal([]byte(r.body), &array); err != nil {
		t.Fatal(err, r.body)
	}
	chunks = nil
	for _, c := range array {
		chunks = append(chunks, string(c))
	}
	checkChunks(t, chunks)
}

func TestBlockedPrompt(t *testing.T) {
	f := providertest.Gemini(providertest.Config{})
	f.Always(providertest.ContentPolicy())
	call := serve(t, f)
	r := call(asked{path: generatePath, key: "k", body: contentBody})
	want(t, r.body, map[string]any{"promptFeedback.blockReason": "PROHIBITED_CONTENT"})
	list := events(t, call(asked{path: streamPath + "?alt=sse", key: "k", body: contentBody}).body, "\r\n\r\n")
	if len(list) != 1 || list[0].data != strings.ReplaceAll(r.body, "gemini_1", "gemini_2") {
		t.Error(list, r.body)
	}
}

func TestGeminiErrors(t *testing.T) {
	f := providertest.Gemini(providertest.Config{})
	call := serve(t, f)
	cases := []struct {
		step   providertest.Step
		code   int
		status string
	}{
		{providertest.RateLimited(1500 * time.Millisecond), 429, "RESOURCE_EXHAUSTED"},
		{providertest.QuotaExhausted(), 402, "RESOURCE_EXHAUSTED"},
		{providertest.SpendLimitReached(), 429, "RESOURCE_EXHAUSTED"},
		{providertest.Unauthorized(), 400, "INVALID_ARGUMENT"},
		{providertest.PermissionDenied(), 403, "PERMISSION_DENIED"},
		{providertest.ModelNotFound(), 404, "NOT_FOUND"},
		{providertest.ContextTooLong(), 400, "INVALID_ARGUMENT"},
		{providertest.InvalidRequest(), 400, "INVALID_ARGUMENT"},
		{providertest.ServerError(), 500, "INTERNAL"},
		{providertest.Overloaded(), 503, "UNAVAILABLE"},
	}
	for _, c := range cases {
		// An error is an object, but in an array where the stream would have been one.
		for path, prefix := range map[string]string{generatePath: "", streamPath + "?alt=sse": "", streamPath: "0."} {
			f.Script(c.step)
			r := call(asked{path: path, key: "k", body: contentBody})
			if r.status != c.code || r.header.Get("Retry-After") != "" {
				t.Errorf("%v: %v", c, r)
			}
			want(t, r.body, map[string]any{prefix + "error.code": float64(c.code), prefix + "error.status": c.status})
		}
	}
}

func TestGeminiErrorDetails(t *testing.T) {
	f := providertest.Gemini(providertest.Config{})
	call := serve(t, f)
	cases := []struct {
		step providertest.Step
		has  map[string]any
	}{
		{providertest.RateLimited(1500 * time.Millisecond), map[string]any{
			"error.details.1.violations.0.quotaId": "GenerateContentPaidTierInputTokensPerModelPerMinute",
			"error.details.2.@type":                "type.googleapis.com/google.rpc.RetryInfo", "error.details.2.retryDelay": "1.5s",
		}},
		{providertest.SpendLimitReached(), map[string]any{
			"error.details.0.violations.0.quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "error.details.1.retryDelay": "38s",
		}},
		{providertest.Unauthorized(), map[string]any{"error.details.0.reason": "API_KEY_INVALID"}},
	}
	for _, c := range cases {
		f.Script(c.step)
		want(t, call(asked{path: generatePath, key: "k", body: contentBody}).body, c.has)
	}
	f.Script(providertest.RateLimited(0))
	if r := call(asked{path: generatePath, key: "k", body: contentBody}); r.status != 429 || strings.Contains(r.body, "etry") {
		t.Error("a rate limit without a time tells one:", r)
	}
}

func TestGeminiJudgesCalls(t *testing.T) {
	call := serve(t, providertest.Gemini(providertest.Config{Keys: []string{"good", "ya29.token"}, Models: []string{"m1"}}))
	as := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	cases := []struct {
		name   string
		asked  asked
		status int
		words  string
	}{
		{"header", asked{path: generatePath, key: "good"}, 200, ""},
		{"query", asked{path: generatePath + "?key=good"}, 200, ""},
		{"header wins over query", asked{path: generatePath + "?key=good", key: "bad"}, 400, "API_KEY_INVALID"},
		{"oauth", asked{path: generatePath, header: as("ya29.token")}, 200, ""},
		{"wrong oauth", asked{path: generatePath, header: as("ya29.other")}, 401, "UNAUTHENTICATED"},
		{"a key as bearer", asked{path: generatePath, header: as("good")}, 401, "UNAUTHENTICATED"},
		{"no key", asked{path: generatePath}, 403, "unregistered callers"},
		{"other model", asked{path: "/v1beta/models/m2:generateContent", key: "good"}, 404, "models/m2 is not found for API version v1beta"},
		{"broken", asked{path: generatePath, key: "good", body: "{"}, 400, "Invalid JSON"},
		{"wrong method", asked{method: http.MethodGet, path: generatePath, key: "good"}, 405, "<!DOCTYPE html>"},
		{"unknown method", asked{path: "/v1beta/models/m1:sing", key: "good"}, 404, "<!DOCTYPE html>"},
		{"unknown path", asked{path: "/v1beta/other", key: "good"}, 404, "<!DOCTYPE html>"},
		{"models", asked{method: http.MethodGet, path: "/v1beta/models", key: "good"}, 200, `"name":"models/m1"`},
		{"a model", asked{method: http.MethodGet, path: "/v1beta/models/m1", key: "good"}, 200, `"name":"models/m1"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if r := call(c.asked); r.status != c.status || !strings.Contains(r.body, c.words) {
				t.Error(r)
			}
		})
	}
}
