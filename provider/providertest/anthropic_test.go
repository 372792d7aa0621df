package providertest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aitransport/aitransport/provider/providertest"
)

func version(v string) http.Header { return http.Header{"Anthropic-Version": {v}} }

func TestMessage(t *testing.T) {
	call := serve(t, providertest.Anthropic(providertest.Config{Text: text, InputTokens: 100, CachedTokens: 64}))
	r := call(asked{path: "/v1/messages", key: "k", body: messageBody})
	for _, name := range []string{"Request-Id", "Anthropic-Ratelimit-Requests-Remaining", "Anthropic-Ratelimit-Input-Tokens-Limit", "Anthropic-Ratelimit-Tokens-Reset"} {
		if r.header.Get(name) == "" {
			t.Errorf("no %s", name)
		}
	}
	if _, err := time.Parse(time.RFC3339, r.header.Get("Anthropic-Ratelimit-Output-Tokens-Reset")); err != nil {
		t.Error(err)
	}
	want(t, r.body, map[string]any{
		"id": "msg_anthropic_1", "type": "message", "role": "assistant", "model": "m1", "stop_reason": "end_turn",
		"content.0.type": "text", "content.0.text": text,
		"usage.input_tokens": 36.0, "usage.cache_read_input_tokens": 64.0, "usage.output_tokens": 7.0,
	})
	if strings.Contains(r.body, `"container"`) {
		t.Error("the old version has a member of the new one:", r.body)
	}
	r = call(asked{path: "/v1/messages", key: "k", body: messageBody, header: version("2026-10-21")})
	if !strings.Contains(r.body, `"container":null`) || !strings.Contains(r.body, `"stop_details":null`) {
		t.Error("the new version lacks its nulls:", r.body)
	}
	r = call(asked{path: "/v1/messages/count_tokens", key: "k", body: messageBody})
	want(t, r.body, map[string]any{"input_tokens": 100.0})
}

func TestMessageStream(t *testing.T) {
	call := serve(t, providertest.Anthropic(providertest.Config{Text: "Hello you", CachedTokens: 4}))
	for _, v := range []string{"2023-06-01", "2026-10-21"} {
		r := call(asked{path: "/v1/messages?beta=true", key: "k", body: messageStream, header: version(v)})
		list := events(t, r.body, "\n\n")
		if n := names(list); n != "message_start content_block_start ping content_block_delta content_block_delta content_block_stop message_delta message_stop" {
			t.Fatal(n)
		}
		for _, e := range list {
			want(t, e.data, map[string]any{"type": e.name})
		}
		want(t, list[0].data, map[string]any{
			"message.stop_reason": nil, "message.usage.input_tokens": 7.0,
			"message.usage.cache_read_input_tokens": 4.0, "message.usage.output_tokens": 1.0,
		})
		want(t, list[3].data, map[string]any{"delta.type": "text_delta", "delta.text": "Hello "})
		want(t, list[6].data, map[string]any{"delta.stop_reason": "end_turn", "usage.output_tokens": 7.0})
		if hasNull := strings.Contains(list[6].data, `"input_tokens":null`); hasNull != (v == "2026-10-21") {
			t.Errorf("%s: %s", v, list[6].data)
		}
	}
}

func TestRefusal(t *testing.T) {
	call := serve(t, providertest.Anthropic(providertest.Config{Script: []providertest.Step{providertest.ContentPolicy(), providertest.ContentPolicy(), providertest.ContentPolicy()}}))
	r := call(asked{path: "/v1/messages", key: "k", body: messageBody})
	want(t, r.body, map[string]any{"stop_reason": "refusal", "stop_details.type": "refusal", "usage.output_tokens": 0.0})
	r = call(asked{path: "/v1/messages", key: "k", body: messageStream})
	list := events(t, r.body, "\n\n")
	if n := names(list); n != "message_start message_delta message_stop" {
		t.Fatal(n)
	}
	want(t, list[1].data, map[string]any{"delta.stop_reason": "refusal"})
	if r = call(asked{path: "/v1/messages/count_tokens", key: "k", body: messageBody}); r.status != 400 {
		t.Error("a count cannot be refused in a 200:", r)
	}
}

func TestAnthropicErrors(t *testing.T) {
	f := providertest.Anthropic(providertest.Config{})
	call := serve(t, f)
	cases := []struct {
		step   providertest.Step
		status int
		typ    string
	}{
		{providertest.RateLimited(time.Second), 429, "rate_limit_error"},
		{providertest.QuotaExhausted(), 400, "invalid_request_error"},
		{providertest.SpendLimitReached(), 429, "rate_limit_error"},
		{providertest.Unauthorized(), 401, "authentication_error"},
		{providertest.PermissionDenied(), 403, "permission_error"},
		{providertest.ModelNotFound(), 404, "not_found_error"},
		{providertest.ContextTooLong(), 400, "invalid_request_error"},
		{providertest.InvalidRequest(), 400, "invalid_request_error"},
		{providertest.ServerError(), 500, "api_error"},
		{providertest.Overloaded(), 529, "overloaded_error"},
	}
	for _, c := range cases {
		f.Script(c.step)
		r := call(asked{path: "/v1/messages", key: "k", body: messageStream})
		if r.status != c.status {
			t.Errorf("%v: %v", c, r)
		}
		want(t, r.body, map[string]any{"type": "error", "error.type": c.typ, "request_id": r.header.Get("Request-Id")})
	}
	f.Script(providertest.SpendLimitReached())
	r := call(asked{path: "/v1/messages", key: "k", body: messageBody})
	want(t, r.body, map[string]any{"error.details.error_code": "enforced_spend_limit_reached"})
	if r.header.Get("Retry-After") != "" {
		t.Error("a spend limit has a retry-after")
	}
}

func TestAnthropicRateLimitHeaders(t *testing.T) {
	call := serve(t, providertest.Anthropic(providertest.Config{Script: []providertest.Step{providertest.RateLimited(16500 * time.Millisecond), providertest.RateLimited(0)}}))
	r := call(asked{path: "/v1/messages", key: "k", body: messageBody})
	reset, err := time.Parse(time.RFC3339, r.header.Get("Anthropic-Ratelimit-Input-Tokens-Reset"))
	if in := time.Until(reset); err != nil || in < 15*time.Second || in > 18*time.Second {
		t.Error(err, in)
	}
	if r.header.Get("Retry-After") != "17" || r.header.Get("Anthropic-Ratelimit-Input-Tokens-Remaining") != "0" {
		t.Error(r.header)
	}
	r = call(asked{path: "/v1/messages", key: "k", body: messageBody})
	if r.status != 429 || r.header.Get("Retry-After")+r.header.Get("Anthropic-Ratelimit-Input-Tokens-Reset") != "" {
		t.Error("a rate limit without a time tells one:", r)
	}
}

func TestAnthropicJudgesCalls(t *testing.T) {
	call := serve(t, providertest.Anthropic(providertest.Config{Keys: []string{"good", "sk-ant-oat-1"}, Models: []string{"m1"}}))
	both := func(h http.Header, k, v string) http.Header { h = h.Clone(); h.Set(k, v); return h }
	v := version("2023-06-01")
	oauth := both(v, "Authorization", "Bearer sk-ant-oat-1")
	cases := []struct {
		name   string
		asked  asked
		status int
		words  string
	}{
		{"x-api-key", asked{path: "/v1/messages", key: "good", body: messageBody}, 200, ""},
		{"bearer", asked{path: "/v1/messages", body: messageBody, header: both(v, "Authorization", "Bearer good")}, 200, ""},
		{"x-api-key wins over bearer", asked{path: "/v1/messages", key: "bad", body: messageBody, header: both(v, "Authorization", "Bearer good")}, 401, "invalid x-api-key"},
		{"oauth without its beta", asked{path: "/v1/messages", body: messageBody, header: oauth}, 401, "OAuth authentication is currently not supported."},
		{"oauth", asked{path: "/v1/messages", body: messageBody, header: both(oauth, "Anthropic-Beta", "a,oauth-2025-04-20")}, 200, ""},
		{"no key", asked{path: "/v1/messages", body: messageBody, header: v}, 401, "x-api-key header is required"},
		{"no version", asked{path: "/v1/messages", body: messageBody, header: http.Header{"X-Api-Key": {"good"}}}, 400, "anthropic-version: header is required"},
		{"version twice", asked{path: "/v1/messages", key: "good", body: messageBody, header: http.Header{"Anthropic-Version": {"2023-06-01", "2023-06-01"}}}, 400, "not a valid version"},
		{"no such version", asked{path: "/v1/messages", key: "good", body: messageBody, header: version("2024-10-22")}, 400, "not a valid version"},
		{"broken", asked{path: "/v1/messages", key: "good", body: "{"}, 400, "JSON"},
		{"no model", asked{path: "/v1/messages", key: "good", body: "{}"}, 400, "model: Field required"},
		{"other model", asked{path: "/v1/messages", key: "good", body: `{"model":"m2"}`}, 404, "model: m2"},
		{"wrong method", asked{method: http.MethodGet, path: "/v1/messages", key: "good"}, 405, "Method Not Allowed"},
		{"unknown path", asked{path: "/v1/messages/other", key: "good", body: "{}"}, 404, "could not be found"},
		{"models", asked{method: http.MethodGet, path: "/v1/models", header: both(v, "X-Api-Key", "good")}, 200, `"first_id":"m1"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := call(c.asked)
			if r.status != c.status || !strings.Contains(r.body, c.words) && !strings.Contains(dig(t, r.body, "error.message").(string), c.words) {
				t.Error(r)
			}
		})
	}
}
