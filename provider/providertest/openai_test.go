package providertest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aitransport/aitransport/provider/providertest"
)

func TestChatCompletion(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{Name: "main", Text: text, InputTokens: 100, OutputTokens: 20, CachedTokens: 64}))
	r := call(asked{path: "/v1/chat/completions", key: "k", body: chatBody})
	if r.status != 200 || r.header.Get("Content-Type") != "application/json" {
		t.Fatal(r)
	}
	want(t, r.body, map[string]any{
		"id": "chatcmpl-main_1", "object": "chat.completion", "model": "m1",
		"choices.0.message.role": "assistant", "choices.0.message.content": text, "choices.0.finish_reason": "stop",
		"usage.prompt_tokens": 100.0, "usage.completion_tokens": 20.0, "usage.total_tokens": 120.0,
		"usage.prompt_tokens_details.cached_tokens": 64.0,
	})
	for _, name := range []string{
		"X-Request-Id", "X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests",
		"X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens",
	} {
		if r.header.Get(name) == "" {
			t.Errorf("no %s", name)
		}
	}
}

func TestChatStream(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{Text: text}))
	for _, asks := range []bool{false, true} {
		body := chatStream
		if asks {
			body = `{"model":"m1","stream":true,"stream_options":{"include_usage":true}}`
		}
		r := call(asked{path: "/v1/chat/completions", key: "k", body: body})
		if !strings.HasPrefix(r.header.Get("Content-Type"), "text/event-stream") {
			t.Fatal(r.header)
		}
		list := events(t, r.body, "\n\n")
		if last := list[len(list)-1]; last.data != "[DONE]" {
			t.Fatalf("ends with %q", last)
		}
		list = list[:len(list)-1]
		if asks {
			usage := list[len(list)-1].data
			list = list[:len(list)-1]
			want(t, usage, map[string]any{"usage.prompt_tokens": 11.0, "usage.total_tokens": 18.0})
			if choices := dig(t, usage, "choices").([]any); len(choices) != 0 {
				t.Errorf("the usage comes with choices: %s", usage)
			}
		}
		said := chatText(t, list)
		if said != text {
			t.Errorf("said %q", said)
		}
		for _, e := range list {
			if e.name != "" || strings.Contains(e.data, `"usage":null`) != asks || strings.Contains(e.data, `"usage":{`) {
				t.Errorf("asked for usage: %v, got %v", asks, e)
			}
		}
		want(t, list[0].data, map[string]any{"object": "chat.completion.chunk", "choices.0.delta.role": "assistant"})
		want(t, list[len(list)-1].data, map[string]any{"choices.0.finish_reason": "stop"})
	}
}

// chatText is what the chunks say; all but the first and the last say something.
func chatText(t *testing.T, list []sse) string {
	t.Helper()
	var b strings.Builder
	for i, e := range list {
		piece, _ := dig(t, e.data, "choices.0.delta.content").(string)
		if (piece == "") != (i == 0 || i == len(list)-1) {
			t.Errorf("chunk %d of %d says %q", i, len(list), piece)
		}
		b.WriteString(piece)
	}
	return b.String()
}

func TestResponses(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{Text: text, CachedTokens: 3}))
	call(asked{path: "/v1/responses", key: "k", body: `{"model":"m1","input":"hi"}`})
	r := call(asked{path: "/v1/responses", key: "k", body: `{"model":"m1","input":"hi","previous_response_id":"resp_openai_1"}`})
	done := map[string]any{
		"object": "response", "status": "completed", "error": nil, "model": "m1", "previous_response_id": "resp_openai_1",
		"output.0.type": "message", "output.0.role": "assistant",
		"output.0.content.0.type": "output_text", "output.0.content.0.text": text,
		"usage.input_tokens": 11.0, "usage.input_tokens_details.cached_tokens": 3.0,
		"usage.output_tokens": 7.0, "usage.output_tokens_details.reasoning_tokens": 0.0, "usage.total_tokens": 18.0,
	}
	want(t, r.body, done)

	r = call(asked{path: "/v1/responses", key: "k", body: `{"model":"m1","input":"hi","stream":true}`})
	list := events(t, r.body, "\n\n")
	said := ""
	for i, e := range list {
		want(t, e.data, map[string]any{"type": e.name, "sequence_number": float64(i)})
		if e.name == "response.output_text.delta" {
			said += dig(t, e.data, "delta").(string)
		}
	}
	if said != text {
		t.Errorf("said %q", said)
	}
	head, tail := names(list[:5]), names(list[len(list)-5:])
	if head != "response.created response.in_progress response.output_item.added response.content_part.added response.output_text.delta" ||
		tail != "response.output_text.delta response.output_text.done response.content_part.done response.output_item.done response.completed" {
		t.Errorf("%s … %s", head, tail)
	}
	want(t, list[0].data, map[string]any{"response.status": "in_progress", "response.usage": nil})
	want(t, list[len(list)-1].data, map[string]any{"response.status": "completed", "response.usage.total_tokens": 18.0, "response.output.0.content.0.text": text})
}

func TestEmbeddings(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{}))
	cases := []struct {
		body       string
		count, dim int
	}{
		{`{"model":"e","input":"one"}`, 1, 8},
		{`{"model":"e","input":["one","two","three"],"dimensions":4}`, 3, 4},
		{`{"model":"e","input":[1,2,3]}`, 1, 8},
		{`{"model":"e","input":[[1],[2,3]]}`, 2, 8},
	}
	for _, c := range cases {
		r := call(asked{path: "/v1/embeddings", key: "k", body: c.body})
		data := dig(t, r.body, "data").([]any)
		if len(data) != c.count || len(dig(t, r.body, "data.0.embedding").([]any)) != c.dim {
			t.Errorf("%s: %s", c.body, r.body)
		}
		want(t, r.body, map[string]any{"object": "list", "model": "e", "usage.prompt_tokens": 11.0, "usage.total_tokens": 11.0})
	}
	r := call(asked{path: "/v1/embeddings", key: "k", body: `{"model":"e","input":"x","dimensions":2,"encoding_format":"base64"}`})
	want(t, r.body, map[string]any{"data.0.embedding": "AACAPgAAAD8="}) // 0.25, 0.5
}

func TestOpenAIErrors(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{})
	call := serve(t, f)
	cases := []struct {
		step      providertest.Step
		status    int
		typ, code any
	}{
		{providertest.RateLimited(90 * time.Millisecond), 429, "requests", "rate_limit_exceeded"},
		{providertest.QuotaExhausted(), 429, "insufficient_quota", "insufficient_quota"},
		{providertest.SpendLimitReached(), 429, "insufficient_quota", "project_spend_limit_exceeded"},
		{providertest.Unauthorized(), 401, "invalid_request_error", "invalid_api_key"},
		{providertest.PermissionDenied(), 403, "invalid_request_error", "model_not_found"},
		{providertest.ModelNotFound(), 404, "invalid_request_error", "model_not_found"},
		{providertest.ContextTooLong(), 400, "invalid_request_error", "context_length_exceeded"},
		{providertest.InvalidRequest(), 400, "invalid_request_error", "decimal_above_max_value"},
		{providertest.ContentPolicy(), 400, "invalid_request_error", "content_policy_violation"},
		{providertest.ServerError(), 500, "server_error", nil},
		{providertest.Overloaded(), 503, "service_unavailable_error", "server_is_overloaded"},
	}
	for _, c := range cases {
		for _, body := range []string{chatBody, chatStream} {
			f.Script(c.step)
			r := call(asked{path: "/v1/chat/completions", key: "k", body: body})
			if r.status != c.status || r.header.Get("Content-Type") != "application/json" || r.header.Get("X-Request-Id") == "" {
				t.Errorf("%v: %v", c, r)
			}
			want(t, r.body, map[string]any{"error.type": c.typ, "error.code": c.code})
			if _, ok := dig(t, r.body, "error").(map[string]any)["param"]; !ok {
				t.Errorf("no param: %s", r.body)
			}
		}
	}
}

func TestOpenAIRateLimitHeaders(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{Script: []providertest.Step{providertest.RateLimited(1500 * time.Millisecond), providertest.RateLimited(0)}})
	call := serve(t, f)
	r := call(asked{path: "/v1/chat/completions", key: "k", body: chatBody})
	for name, v := range map[string]string{
		"Retry-After": "2", "Retry-After-Ms": "1500",
		"X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "1.5s",
	} {
		if r.header.Get(name) != v {
			t.Errorf("%s: %q, want %q", name, r.header.Get(name), v)
		}
	}
	if !strings.Contains(r.body, "Please try again in 1.5s.") {
		t.Error(r.body)
	}
	r = call(asked{path: "/v1/chat/completions", key: "k", body: chatBody})
	if r.header.Get("Retry-After")+r.header.Get("Retry-After-Ms")+r.header.Get("X-Ratelimit-Reset-Requests") != "" || strings.Contains(r.body, "try again") {
		t.Error("a rate limit without a time tells one:", r)
	}
}

func TestOpenAIJudgesCalls(t *testing.T) {
	call := serve(t, providertest.OpenAI(providertest.Config{Keys: []string{"good-key"}, Models: []string{"m1"}}))
	cases := []struct {
		name   string
		asked  asked
		status int
		code   any
	}{
		{"good", asked{path: "/v1/chat/completions", key: "good-key", body: chatBody}, 200, nil},
		{"no key", asked{path: "/v1/chat/completions", body: chatBody}, 401, nil},
		{"wrong key", asked{path: "/v1/chat/completions", key: "bad-key-0123456789", body: chatBody}, 401, "invalid_api_key"},
		{"other model", asked{path: "/v1/responses", key: "good-key", body: `{"model":"m2"}`}, 404, "model_not_found"},
		{"no model", asked{path: "/v1/embeddings", key: "good-key", body: `{}`}, 400, nil},
		{"a stored prompt", asked{path: "/v1/responses", key: "good-key", body: `{"prompt":{"id":"pmpt_1"}}`}, 200, nil},
		{"broken", asked{path: "/v1/chat/completions", key: "good-key", body: `{"model":`}, 400, nil},
		{"stream_options without stream", asked{path: "/v1/chat/completions", key: "good-key", body: `{"model":"m1","stream_options":{"include_usage":true}}`}, 400, nil},
		{"unknown path", asked{path: "/v1/other", key: "good-key", body: chatBody}, 404, nil},
		{"wrong method", asked{method: http.MethodGet, path: "/v1/responses", key: "good-key"}, 405, "method_not_supported"},
		{"models", asked{method: http.MethodGet, path: "/v1/models", key: "good-key"}, 200, nil},
		{"a model", asked{method: http.MethodGet, path: "/v1/models/m1", key: "good-key"}, 200, nil},
		{"no such model", asked{method: http.MethodGet, path: "/v1/models/m2", key: "good-key"}, 404, "model_not_found"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := call(c.asked)
			if r.status != c.status {
				t.Fatal(r)
			}
			if r.status >= 400 {
				want(t, r.body, map[string]any{"error.type": "invalid_request_error", "error.code": c.code})
			}
			if strings.Contains(r.body, c.asked.key) && c.asked.key != "" {
				t.Error("the answer has the key:", r.body)
			}
		})
	}
}
