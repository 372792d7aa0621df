package providertest_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider/providertest"
)

const asksUsage = `{"model":"m1","messages":[],"stream":true,"stream_options":{"include_usage":true}}`

// chatPaths are where the providers have their chat (provider-facts 9.1).
var chatPaths = map[string]string{
	"moonshot": "/v1/chat/completions", "deepseek": "/chat/completions",
	"dashscope": "/compatible-mode/v1/chat/completions", "zhipu": "/api/paas/v4/chat/completions",
	"minimax": "/v1/chat/completions", "mistral": "/v1/chat/completions", "groq": "/openai/v1/chat/completions",
	"xai": "/v1/chat/completions", "openrouter": "/api/v1/chat/completions", "together": "/v1/chat/completions",
	"cerebras": "/v1/chat/completions", "cohere": "/compatibility/v1/chat/completions", "nvidia": "/v1/chat/completions",
	"vllm": "/v1/chat/completions", "ollama": "/v1/chat/completions", "lmstudio": "/v1/chat/completions",
	"gemini-openai": "/v1beta/openai/chat/completions", "siliconflow": "/v1/chat/completions",
	"llamacpp": "/v1/chat/completions", "litellm": "/v1/chat/completions",
}

// compatible asks the fake of a provider one thing in memory.
func compatible(t *testing.T, name string, a asked, steps ...providertest.Step) *tape {
	t.Helper()
	return compatibleWith(t, name, providertest.Config{Text: "Hello you"}, a, steps...)
}

func compatibleWith(t *testing.T, name string, c providertest.Config, a asked, steps ...providertest.Step) *tape {
	t.Helper()
	f := providertest.Compatible(name, c)
	f.Script(steps...)
	if a.method == "" {
		a.method = http.MethodPost
	}
	r := httptest.NewRequestWithContext(t.Context(), a.method, a.path, strings.NewReader(a.body))
	if a.key != "" {
		r.Header.Set("Authorization", "Bearer "+a.key)
	}
	p := &tape{}
	f.ServeHTTP(p, r)
	return p
}

func TestNames(t *testing.T) {
	names := providertest.Names()
	for name := range chatPaths {
		assert.Contains(t, names, name)
	}
	for _, name := range []string{"deepseek", "moonshot", "dashscope", "zhipu", "minimax"} {
		assert.Contains(t, names, name+"-anthropic")
	}
	assert.Subset(t, names, []string{"openai", "anthropic", "gemini"})
	assert.Len(t, names, len(chatPaths)+5+3)
	assert.True(t, slices.IsSorted(names))
	for _, name := range []string{"moonshot-intl", "dashscope-us", "dashscope-coding-intl", "zhipu-cn-anthropic", "zhipu-anthropic"} {
		assert.NotPanics(t, func() { providertest.Compatible(name, providertest.Config{}) }, name)
	}
	for _, name := range []string{"", "nobody", "groq-anthropic"} {
		assert.Panics(t, func() { providertest.Compatible(name, providertest.Config{}) }, name)
	}
}

// The bodies of provider-facts 13.5, byte for byte.
func TestDialectFixtures(t *testing.T) {
	const key = "xa-key-6789"
	cases := []struct {
		name   string
		step   providertest.Step
		model  string
		status int
		body   string
	}{
		{"deepseek", providertest.Unauthorized(), "", 401, `{"error":{"message":"Authentication Fails, Your api key: ****6789 is invalid","type":"authentication_error","param":null,"code":"invalid_request_error"}}`},
		{"deepseek", providertest.QuotaExhausted(), "", 402, `{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}`},
		{"moonshot", providertest.Unauthorized(), "", 401, `{"error":{"message":"Invalid Authentication","type":"invalid_authentication_error"}}`},
		{"moonshot", providertest.QuotaExhausted(), "", 429, `{"error":{"message":"Your account is suspended due to insufficient balance, please recharge your account or check your plan and billing details","type":"exceeded_current_quota_error"}}`},
		{"dashscope", providertest.RateLimited(0), "", 429, `{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`},
		{"dashscope", providertest.Capacity(), "", 429, `{"code":"Throttling.RateQuota","message":"Requests rate limit exceeded, please try again later.","request_id":"dashscope_1"}`},
		{"dashscope", providertest.QuotaExhausted(), "", 400, `{"code":"Arrearage","message":"Access denied, please make sure your account is in good standing.","request_id":"dashscope_1"}`},
		{"dashscope", providertest.Unauthorized(), "", 401, `{"error":{"message":"Incorrect API key provided. For details, see: https://help.aliyun.com/zh/model-studio/error-code#apikey-error","type":"invalid_request_error","code":"invalid_api_key"}}`},
		{"zhipu", providertest.Capacity(), "", 429, `{"error":{"code":"1302","message":"Rate limit reached for requests"}}`},
		{"mistral", providertest.Overloaded(), "", 429, `{"object":"error","message":"Service tier capacity exceeded for this model.","type":"service_tier_capacity_exceeded","param":null,"code":"3505"}`},
		{"mistral", providertest.Unauthorized(), "", 401, `{"detail":"Unauthorized"}`},
		{"groq", providertest.RateLimited(2 * time.Second), "llama-3.3-70b-versatile", 429, "{\"error\":{\"message\":\"Rate limit reached for model `llama-3.3-70b-versatile` in organization `org_x` service tier `on_demand` on requests per minute (RPM): Limit 30, Used 30, Requested 1. Please try again in 2s.\",\"type\":\"requests\",\"code\":\"rate_limit_exceeded\"}}"},
		{"groq", providertest.TooLarge(), "llama-3.3-70b-versatile", 413, "{\"error\":{\"message\":\"Request too large for model `llama-3.3-70b-versatile` in organization `org_x` service tier `on_demand` on tokens per minute (TPM): Limit 12000, Requested 15420, please reduce your message size and try again.\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}"},
		{"xai", providertest.QuotaExhausted(), "", 403, `{"code":"permission-denied","error":"Your team 00000000-0000-0000-0000-000000000000 has either used all available credits or reached its monthly spending limit. To continue making API requests, please purchase more credits or raise your spending limit."}`},
		{"xai", providertest.Unauthorized(), "", 400, `{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***89. You can obtain an API key from https://console.x.ai."}`},
		{"openrouter", providertest.Capacity(), "", 402, `{"error":{"message":"This request would exceed your available credits given your current in-flight requests. Retry after in-flight requests settle, or add credits.","code":402,"metadata":{"reason":"in_flight_budget_exhausted","limit_source":"openrouter_in_flight_budget"}}}`},
		{"openrouter", providertest.SpendLimitReached(), "", 403, `{"error":{"code":403,"message":"Budget limit exceeded","metadata":{"limit_source":"openrouter_workspace_budget","scope":"workspace","limit_usd":100,"spend_usd":100.02,"resets_at":"2000-02-01T00:00:00Z"}}}`},
		{"minimax", providertest.QuotaExhausted(), "", 200, `{"id":"","choices":null,"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}`},
		{"nvidia", providertest.RateLimited(0), "", 429, `{"status":429,"title":"Too Many Requests"}`},
		{"vllm", providertest.Unauthorized(), "", 401, `{"error":"Unauthorized"}`},
		{"vllm", providertest.ContextTooLong(), "", 400, `{"error":{"message":"This model's maximum context length is 8192 tokens. However, your request has 9000 input tokens.","type":"BadRequestError","param":null,"code":400}}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // in January 2000
				body := strings.ReplaceAll(chatBody, "m1", c.model)
				p := compatible(t, c.name, asked{path: chatPaths[c.name], key: key, body: body}, c.step)
				assert.Equal(t, c.status, p.status)
				assert.Equal(t, c.body, p.body.String())
			})
		})
	}
	p := compatible(t, "deepseek", asked{path: "/chat/completions", body: chatBody})
	assert.Equal(t, 401, p.status)
	assert.Equal(t, "Authentication Fails (governor)", p.body.String())
	assert.Equal(t, "text/plain; charset=utf-8", p.header.Get("Content-Type"))
}

// Errors inside streams and inside a 200, byte for byte but for ids and times.
func TestDialectErrorsInside(t *testing.T) {
	p := compatible(t, "openrouter", asked{path: chatPaths["openrouter"], key: "k", body: chatStream}, providertest.FailInStream(0, providertest.RateLimited(0)))
	assert.Equal(t, 200, p.status)
	comment, rest, _ := strings.Cut(p.body.String(), "\n\n")
	assert.Equal(t, ": OPENROUTER PROCESSING", comment)
	_, rest, ok := strings.Cut(rest, `"provider":`)
	require.True(t, ok)
	assert.Equal(t, `"p","error":{"code":429,"message":"Rate limit exceeded","metadata":{"error_type":"rate_limit_exceeded"}},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}`+"\n\n", rest)

	p = compatible(t, "openrouter", asked{path: chatPaths["openrouter"], key: "k", body: chatBody}, providertest.ServerError().In200())
	_, rest, _ = strings.Cut(p.body.String(), `"choices":`)
	assert.Equal(t, `[{"index":0,"finish_reason":"error","message":{"role":"assistant","content":""},"error":{"code":502,"message":"Provider disconnected","metadata":{"error_type":"provider_unavailable"}}}]}`, rest) //nolint:testifylint // a part of a document

	p = compatible(t, "vllm", asked{path: chatPaths["vllm"], body: chatStream}, providertest.FailInStream(1, providertest.Overloaded()))
	list := events(t, p.body.String(), "\n\n")
	require.Len(t, list, 3)
	want(t, list[1].data, map[string]any{"error.code": 503.0})
	assert.Equal(t, "[DONE]", list[2].data)

	p = compatible(t, "ollama", asked{path: "/api/generate", body: `{"model":"gemma4"}`}, providertest.FailInStream(2, providertest.ServerError()))
	lines := strings.Split(p.body.String(), "\n")
	assert.Equal(t, 200, p.status)
	assert.JSONEq(t, `{"error":"an error was encountered while running the model"}`, lines[2])

	p = compatible(t, "minimax", asked{path: chatPaths["minimax"], key: "k", body: chatStream}, providertest.FailInStream(1, providertest.QuotaExhausted()))
	list = events(t, p.body.String(), "\n\n")
	want(t, list[1].data, map[string]any{"base_resp.status_code": 1008.0})
}

func TestDialectLimits(t *testing.T) {
	cases := []struct {
		name, body string
		step       providertest.Step
		header     map[string]string // "": it is not there
	}{
		{"groq", chatBody, providertest.RateLimited(90 * time.Second), map[string]string{"Retry-After": "90", "X-Ratelimit-Limit-Requests": "14400", "X-Ratelimit-Reset-Tokens": "1m30s"}},
		{"groq", chatStream, providertest.OK(), map[string]string{"X-Ratelimit-Limit-Requests": "14400", "X-Ratelimit-Reset-Requests": "2s", "Retry-After": ""}},
		{"mistral", chatBody, providertest.RateLimited(time.Second), map[string]string{"X-Ratelimit-Remaining-Req-Minute": "0", "Retry-After": ""}},
		{"mistral", chatStream, providertest.RateLimited(time.Second), map[string]string{"X-Ratelimit-Remaining-Req-Minute": "0"}},
		{"mistral", chatStream, providertest.OK(), map[string]string{"X-Ratelimit-Remaining-Req-Minute": ""}},
		{"cerebras", chatBody, providertest.RateLimited(57 * time.Second), map[string]string{"Retry-After": "57", "X-Ratelimit-Remaining-Requests-Day": "", "X-Should-Retry": ""}},
		{"cerebras", chatBody, providertest.Capacity(), map[string]string{"X-Should-Retry": "false", "Retry-After": ""}},
		{"cerebras", chatBody, providertest.OK(), map[string]string{"X-Ratelimit-Limit-Requests-Day": "14400"}},
		{"together", chatBody, providertest.RateLimited(20 * time.Second), map[string]string{"X-Ratelimit-Reset": "20", "Retry-After": ""}},
		{"openrouter", chatBody, providertest.RateLimited(time.Minute), map[string]string{"X-Ratelimit-Reset": "946684860000", "Retry-After": ""}},
		{"openrouter", chatBody, providertest.Capacity(), map[string]string{"Retry-After": "3"}},
		{"cohere", chatBody, providertest.OK(), map[string]string{"X-Trial-Endpoint-Call-Remaining": "499"}},
		{"cohere", chatBody, providertest.RateLimited(time.Second), map[string]string{"Retry-After": "", "X-Trial-Endpoint-Call-Remaining": ""}},
		{"zhipu", chatBody, providertest.RateLimited(time.Second), map[string]string{"Retry-After": ""}},
		{"nvidia", chatBody, providertest.RateLimited(time.Second), map[string]string{"Retry-After": ""}},
		{"deepseek", chatBody, providertest.RateLimited(time.Second), map[string]string{"Retry-After": ""}},
		{"xai", chatBody, providertest.RateLimited(time.Second), map[string]string{"Retry-After": "1"}},
	}
	for _, c := range cases {
		synctest.Test(t, func(t *testing.T) {
			p := compatible(t, c.name, asked{path: chatPaths[c.name], key: "k", body: c.body}, c.step)
			for name, w := range c.header {
				assert.Equal(t, w, p.header.Get(name), "%s: %s", c.name, name)
			}
		})
	}
}

func TestDialectUsage(t *testing.T) {
	config := providertest.Config{Text: "Hello you", InputTokens: 100, CachedTokens: 64, OutputTokens: 50, ReasoningTokens: 30}
	cases := []struct {
		name string
		want map[string]any // in the usage
	}{
		{"moonshot", map[string]any{"prompt_tokens": 100.0, "completion_tokens": 50.0, "cached_tokens": 64.0}},
		{"deepseek", map[string]any{"prompt_cache_hit_tokens": 64.0, "prompt_cache_miss_tokens": 36.0, "completion_tokens_details.reasoning_tokens": 30.0}},
		{"xai", map[string]any{"completion_tokens": 20.0, "total_tokens": 150.0, "completion_tokens_details.reasoning_tokens": 30.0}},
		{"openrouter", map[string]any{"completion_tokens": 50.0, "cost": 0.00014, "is_byok": false}},
		{"groq", map[string]any{"completion_tokens": 50.0, "prompt_tokens_details.cached_tokens": 64.0}},
		{"vllm", map[string]any{"total_tokens": 150.0}},
	}
	inPath := func(where string, values map[string]any) map[string]any {
		out := make(map[string]any)
		for k, v := range values {
			out[where+k] = v
		}
		return out
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ask := func(body string) *tape {
				return compatibleWith(t, c.name, config, asked{path: chatPaths[c.name], key: "k", body: body})
			}
			want(t, ask(chatBody).body.String(), inPath("usage.", c.want))
			list := chunks(t, ask(asksUsage).body.String())
			want(t, list[len(list)-1], inPath("usage.", c.want))
			assert.Contains(t, list[len(list)-1], `"choices":[]`)

			list = chunks(t, ask(chatStream).body.String())
			last := list[len(list)-1]
			switch c.name {
			case "moonshot":
				want(t, last, inPath("choices.0.usage.", c.want))
			case "groq":
				want(t, last, inPath("x_groq.usage.", c.want))
			case "openrouter":
				want(t, last, inPath("usage.", c.want))
			default:
				assert.NotContains(t, strings.Join(list, ""), "usage", "it was not asked for")
			}
		})
	}
}

// chunks is the JSON of a stream that ends with [DONE], without comments.
func chunks(t *testing.T, body string) []string {
	t.Helper()
	var list []string
	for block := range strings.SplitSeq(body, "\n\n") {
		if data, ok := strings.CutPrefix(block, "data: "); ok {
			list = append(list, data)
		}
	}
	require.Equal(t, "[DONE]", list[len(list)-1])
	return list[:len(list)-1]
}

// A good stream of each dialect says the text and ends.
func TestDialectChat(t *testing.T) {
	for name, path := range chatPaths {
		t.Run(name, func(t *testing.T) {
			p := compatible(t, name, asked{path: path, key: "k", body: chatBody})
			assert.Equal(t, 200, p.status)
			want(t, p.body.String(), map[string]any{"choices.0.message.content": "Hello you", "model": "m1", "object": "chat.completion"})
			p = compatible(t, name, asked{path: path, key: "k", body: chatStream})
			var text strings.Builder
			for _, chunk := range chunks(t, p.body.String()) {
				if strings.Contains(chunk, `"choices":[]`) {
					continue // the usage
				}
				if said, ok := dig(t, chunk, "choices.0.delta").(map[string]any)["content"].(string); ok {
					text.WriteString(said)
				}
			}
			assert.Equal(t, "Hello you", text.String())

			prefix := strings.TrimSuffix(path, "/chat/completions")
			p = compatible(t, name, asked{method: http.MethodGet, path: prefix + "/models", key: "k"})
			want(t, p.body.String(), map[string]any{"object": "list", "data.0.object": "model"})
			p = compatible(t, name, asked{method: http.MethodGet, path: prefix + "/models/a/b:c", key: "k"})
			want(t, p.body.String(), map[string]any{"id": "a/b:c"})
			p = compatible(t, name, asked{path: prefix + "/embeddings", key: "k", body: `{"model":"m1","input":["a","b"]}`})
			want(t, p.body.String(), map[string]any{"data.1.index": 1.0})
			for _, a := range []asked{
				{path: prefix + "/nothing", key: "k", body: "{}"}, {method: http.MethodGet, path: path, key: "k"},
				{path: path, key: "k", body: "{"}, {path: path, key: "k", body: "{}"},
			} {
				p = compatible(t, name, a)
				assert.True(t, p.status >= 400, "%v: %d", a, p.status)
			}
		})
	}
	p := compatible(t, "minimax", asked{path: chatPaths["minimax"], key: "k", body: chatBody})
	want(t, p.body.String(), map[string]any{"base_resp.status_code": 0.0})
	p = compatible(t, "deepseek", asked{path: "/chat/completions", key: "k", body: chatBody})
	assert.True(t, strings.HasPrefix(p.body.String(), "\n{"), "DeepSeek's JSON comes after an empty line")
}

func TestBalances(t *testing.T) {
	cases := []struct {
		name, path  string
		rich, broke map[string]any
	}{
		{"deepseek", "/user/balance", map[string]any{"is_available": true, "balance_infos.0.total_balance": "110.00"}, map[string]any{"is_available": false, "balance_infos.0.total_balance": "0.00"}},
		{"moonshot", "/v1/users/me/balance", map[string]any{"data.available_balance": 49.58}, map[string]any{"data.available_balance": -0.42}},
		{"openrouter", "/api/v1/key", map[string]any{"data.limit_remaining": 74.5, "data.is_free_tier": false}, map[string]any{"data.limit_remaining": 0.0}},
	}
	for _, c := range cases {
		get := asked{method: http.MethodGet, path: c.path, key: "k"}
		p := compatible(t, c.name, get)
		assert.Equal(t, 200, p.status)
		want(t, p.body.String(), c.rich)
		p = compatible(t, c.name, get, providertest.QuotaExhausted())
		assert.Equal(t, 200, p.status, "one may know that there is no money")
		want(t, p.body.String(), c.broke)
		get.key = ""
		assert.Equal(t, 401, compatible(t, c.name, get).status)
	}
	p := compatible(t, "moonshot", asked{method: http.MethodGet, path: "/v1/models", key: "k"}, providertest.QuotaExhausted())
	assert.Equal(t, 200, p.status, "a list of models is no proof of money")
}

func TestLocalServers(t *testing.T) {
	keyed := providertest.Config{Keys: []string{"good"}}
	for _, name := range []string{"vllm", "ollama", "lmstudio", "llamacpp", "litellm"} {
		assert.Equal(t, 200, compatible(t, name, asked{path: chatPaths[name], body: chatBody}).status, "no key is needed")
		assert.Equal(t, 401, compatibleWith(t, name, keyed, asked{path: chatPaths[name], body: chatBody}).status)
		assert.Equal(t, 200, compatibleWith(t, name, keyed, asked{path: chatPaths[name], key: "good", body: chatBody}).status)
	}
	p := compatibleWith(t, "vllm", keyed, asked{method: http.MethodGet, path: "/health"})
	assert.Equal(t, 200, p.status)
	assert.Zero(t, p.body.Len())
	p = compatibleWith(t, "ollama", keyed, asked{method: http.MethodGet, path: "/"})
	assert.Equal(t, "Ollama is running", p.body.String())
	p = compatible(t, "ollama", asked{method: http.MethodGet, path: "/api/version"})
	want(t, p.body.String(), map[string]any{"version": "0.40.0"})
	p = compatible(t, "ollama", asked{method: http.MethodGet, path: "/api/tags"})
	want(t, p.body.String(), map[string]any{"models.0.name": "gemma4"})
}

func TestOllamaNative(t *testing.T) {
	for path, text := range map[string]string{"/api/chat": "message.content", "/api/generate": "response"} {
		p := compatible(t, "ollama", asked{path: path, body: `{"model":"gemma4"}`})
		assert.Equal(t, "application/x-ndjson", p.header.Get("Content-Type"))
		lines := strings.Split(strings.TrimSuffix(p.body.String(), "\n"), "\n")
		require.Len(t, lines, 3, "a call streams unless it says otherwise")
		want(t, lines[0], map[string]any{text: "Hello ", "done": false})
		want(t, lines[2], map[string]any{text: "", "done": true, "prompt_eval_count": 11.0, "eval_count": 7.0})
		p = compatible(t, "ollama", asked{path: path, body: `{"model":"gemma4","stream":false}`})
		want(t, p.body.String(), map[string]any{text: "Hello you", "done": true, "eval_count": 7.0})
		p = compatibleWith(t, "ollama", providertest.Config{Models: []string{"m1"}}, asked{path: path, body: `{"model":"llama3.2"}`})
		assert.Equal(t, 404, p.status)
		assert.JSONEq(t, `{"error":"model 'llama3.2' not found"}`, p.body.String())
	}
}

func TestTwins(t *testing.T) {
	statuses := map[string]int{"deepseek": 402, "moonshot": 429, "dashscope": 400, "zhipu": 429, "minimax": 400}
	for name, status := range statuses {
		t.Run(name, func(t *testing.T) {
			path := "/anthropic/v1/messages"
			f := providertest.Compatible(name+"-anthropic", providertest.Config{Text: "Hello you", Keys: []string{"k"}})
			call := serve(t, f)
			auth := http.Header{"Authorization": {"Bearer k"}}
			r := call(asked{path: path, header: auth, body: messageBody})
			assert.Equal(t, 200, r.status, "no version is asked for")
			want(t, r.body, map[string]any{"content.0.text": "Hello you", "model": "m1"})
			assert.NotContains(t, r.header, "Anthropic-Organization-Id")
			r = call(asked{path: path, header: auth, body: messageStream})
			assert.Contains(t, names(events(t, r.body, "\n\n")), "message_start content_block_start")
			f.Script(providertest.QuotaExhausted())
			r = call(asked{path: path, header: auth, body: messageBody})
			assert.Equal(t, status, r.status)
			want(t, r.body, map[string]any{"type": "error"})
			f.Script(providertest.FailInStream(2, providertest.Overloaded()))
			r = call(asked{path: path, header: auth, body: messageStream})
			assert.Contains(t, r.body, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"")
			r = call(asked{path: path, header: http.Header{"X-Api-Key": {"bad"}}, body: messageBody})
			assert.Equal(t, 401, r.status)
			assert.Equal(t, 400, call(asked{path: path, header: auth, body: "{"}).status)
		})
	}
}
