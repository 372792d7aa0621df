package provider_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// A judged says how an answer of a compatible provider must be judged. It is
// written from the vendors' pages, not from the tables in the package.
type judged struct {
	status int
	header string // "Name: value"; empty: none
	body   string // or the name of a fixture
	class  provider.Class
	scope  provider.Scope
}

const capacity = provider.ClassCapacity

// compatibleRows has what the tables of the catalogue are held against.
var compatibleRows = map[string][]judged{
	"deepseek": deepseekRows, "moonshot": moonshotRows, "dashscope": dashscopeRows, "zhipu": zhipuRows,
	"minimax": minimaxRows, "mistral": mistralRows, "groq": groqRows, "xai": xaiRows,
	"openrouter": openrouterRows, "together": togetherRows, "cerebras": cerebrasRows, "cohere": cohereRows,
	"nvidia": nvidiaRows, "siliconflow": siliconflowRows,
	"vllm": vllmRows, "ollama": ollamaRows, "llamacpp": llamacppRows,
}

// TestCompatibleErrorTables judges every row, and sees that no row of the
// package's own tables goes without one here.
func TestCompatibleErrorTables(t *testing.T) {
	for name, rows := range compatibleRows {
		t.Run(name, func(t *testing.T) {
			rules, findRule := provider.Rules(name)
			texts, findText := provider.Texts(name)
			usedRules, usedTexts := make([]bool, rules), make([]bool, texts)
			for _, r := range rows {
				a := r.answer(t)
				v := classifierOf(t, name)(a)
				assert.Equal(t, r.class.String(), v.Class.String(), "%+v", r)
				assert.Equal(t, r.scope.String(), v.Scope.String(), "%+v", r)
				if i := findRule(a); i >= 0 && i < rules {
					usedRules[i] = true
				}
				if i := findText(a); i >= 0 {
					usedTexts[i] = true
				}
			}
			for i, ok := range usedRules {
				assert.True(t, ok, "no row of the test meets rule %d", i)
			}
			for i, ok := range usedTexts {
				assert.True(t, ok, "no row of the test meets text %d", i)
			}
		})
	}
	for _, name := range provider.Dialects() {
		if !slices.Contains([]string{"openai", "anthropic", "gemini", "common"}, name) {
			assert.Contains(t, slices.Collect(maps.Keys(compatibleRows)), name, "a table without a test")
		}
	}
}

func (r judged) answer(t *testing.T) provider.Answer {
	t.Helper()
	a := provider.Answer{Op: provider.Operation{Kind: provider.OpChat, Model: "m"}, Status: r.status, Header: headers(), Body: []byte(r.body), At: noon}
	if strings.HasSuffix(r.body, ".json") || strings.HasSuffix(r.body, ".txt") {
		a.Body = fixture(t, r.body)
	}
	if r.header != "" {
		name, value, ok := strings.Cut(r.header, ": ")
		require.True(t, ok, r.header)
		a.Header.Set(name, value)
	}
	return a
}

// classifierOf is Classify of a provider of the catalogue.
func classifierOf(t *testing.T, name string) func(provider.Answer) provider.Verdict {
	t.Helper()
	p, ok := provider.Lookup(name)
	require.True(t, ok, name)
	if p.Classify != nil {
		return p.Classify
	}
	return p.API.Classify
}

// withCode is an error of OpenAI's shape.
func withCode(typ, code, message string) string {
	return openaiBody(row{typ: typ, code: code, text: message})
}

var deepseekRows = []judged{
	{401, "", "deepseek/401-bad-key.json", auth, account},
	{401, "", "deepseek/401-no-key.txt", auth, account},
	{402, "", "deepseek/402-balance.json", quota, account},
	{400, "", withCode("invalid_request_error", "invalid_request_error", "This model's maximum context length is 65536 tokens."), tooLong, none},
	{400, "", withCode("invalid_request_error", "invalid_request_error", "Invalid format"), invalid, none},
	{422, "", withCode("invalid_request_error", "invalid_request_error", "Invalid parameters"), invalid, none},
	{429, "", withCode("unknown_error", "invalid_request_error", "Rate limit reached"), rate, account},
	{500, "", withCode("server_error", "", ""), transient, account},
	{503, "", withCode("unknown_error", "", "Server overloaded"), overloaded, provided},
	{200, "", withCode("authentication_error", "invalid_request_error", "no"), auth, account},
}

var minimaxRows = []judged{
	{200, "", "minimax/200-balance.json", quota, account},
	{200, "", minimaxBody("1002"), rate, pair}, {200, "", minimaxBody("1039"), rate, pair},
	{200, "", minimaxBody("1041"), rate, pair}, {200, "", minimaxBody("2056"), rate, pair},
	{200, "", minimaxBody("1000"), transient, account}, {200, "", minimaxBody("1013"), transient, account},
	{200, "", minimaxBody("1024"), transient, account}, {200, "", minimaxBody("1033"), transient, account},
	{200, "", minimaxBody("1001"), timeout, account},
	{200, "", minimaxBody("1004"), auth, account}, {200, "", minimaxBody("2049"), auth, account},
	{200, "", minimaxBody("2013"), invalid, none},
	{200, "", `{"base_resp":{"status_code":2013,"status_msg":"invalid params, context window exceeds limit"}}`, tooLong, none},
	{200, "", minimaxBody("1026"), policy, none}, {200, "", minimaxBody("1027"), policy, none},
	{200, "", minimaxBody("1042"), invalid, none},
	{200, "", `{"choices":[{"message":{"content":"hi"}}],"base_resp":{"status_code":0,"status_msg":""}}`, provider.ClassOK, none},
}

func minimaxBody(code string) string {
	return `{"id":"","choices":null,"base_resp":{"status_code":` + code + `,"status_msg":"no"}}`
}

var mistralRows = []judged{
	{429, "", "mistral/429-capacity.json", overloaded, provided},
	{429, "", `{"object":"error","message":"no","type":"service_tier_capacity_exceeded","code":null}`, overloaded, provided},
	{429, "", `{"object":"error","message":"Requests rate limit exceeded","type":"rate_limited","param":null,"code":"1300"}`, rate, pair},
	{429, "", `{"object":"error","message":"Monthly token limit exceeded","type":"rate_limited","param":null,"code":"1300"}`, quota, account},
	{402, "", `{"message":"Payment required"}`, quota, account},
	{401, "", "mistral/401-gateway.json", auth, account},
	{401, "", `{"message":"Unauthorized","request_id":"r"}`, auth, account},
	{403, "", `{"object":"error","message":"no","type":"authentication_error","code":null}`, auth, account},
	{400, "", "mistral/400-unknown-model.json", noModel, pair},
	{400, "", `{"object":"error","message":"no","type":"invalid_request_error","code":"1000"}`, invalid, none},
	{400, "", `{"object":"error","message":"Prompt is too long: maximum context length is 32768","type":"invalid_request_error","code":null}`, tooLong, none},
	{422, "", `{"detail":[{"loc":["body","messages"],"msg":"Field required","type":"missing"}]}`, invalid, none},
	{422, "", `{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","x"],"msg":"Extra inputs are not permitted"}]},"type":"invalid_request_error"}`, invalid, none},
	{500, "", `{"object":"error","message":"no","type":"server_error","code":null}`, transient, account},
}

var groqRows = []judged{
	{429, "", "groq/429-requests-per-minute.json", rate, pair},
	{413, "", "groq/413-request-too-large.json", permission, none},
	{413, "", withCode("tokens", "rate_limit_exceeded", "too many for the tier"), permission, none},
	{413, "", "", tooLarge, none},
	{498, "", withCode("", "capacity_exceeded", "Flex tier is full"), overloaded, none},
	{424, "", withCode("", "", "MCP server failed"), invalid, none},
	{499, "", "", provider.ClassCanceled, none},
	{403, "", withCode("invalid_request_error", "", "Organization has been restricted."), quota, account},
	{400, "", withCode("invalid_request_error", "organization_restricted", "no"), quota, account},
	{401, "", withCode("invalid_request_error", "invalid_api_key", "Invalid API Key"), auth, account},
	{400, "", withCode("invalid_request_error", "context_length_exceeded", "no"), tooLong, none},
	{503, "", "", overloaded, provided},
}

var xaiRows = []judged{
	{403, "", "xai/403-credits.json", quota, account},
	{429, "", "xai/403-credits.json", quota, account},
	{403, "", xaiBody("no", "Your team has reached its monthly spending limit."), quota, account},
	{403, "", xaiBody("The caller does not have permission to execute the specified operation", "Your newly created team doesn't have any credits or licenses yet."), quota, account},
	{403, "", xaiBody("no", "You have run out of credits or need a Grok subscription."), quota, account},
	{403, "", xaiBody("no", "You need a Grok subscription."), quota, account},
	{403, "", xaiBody("permission-denied", "This key may not use that endpoint."), permission, pair},
	{400, "", "xai/400-bad-key.json", auth, account},
	{400, "", xaiBody("Client specified an invalid argument", "Model not found: grok-9"), noModel, pair},
	{404, "", xaiBody("Some requested entity was not found", "Model not found: grok-9"), noModel, pair},
	{400, "", xaiBody("no", "Content violates usage guidelines."), policy, none},
	{400, "", xaiBody("no", "This model's maximum prompt length is 131072 but the request contains 140000 tokens."), tooLong, none},
	{429, "", xaiBody("no", "The model is currently at capacity due to high demand."), overloaded, provided},
	{429, "", xaiBody("no", "Too many requests"), rate, pair},
	{503, "", "", overloaded, provided},
}

func xaiBody(code, text string) string {
	return `{"code":"` + code + `","error":"` + text + `"}`
}

var togetherRows = []judged{
	{403, "", withCode("invalid_request_error", "", "input and max_tokens"), tooLong, none},
	{403, "", "<html>", egress, route},
	{429, "", `{"error":{"message":"no","error_type":"dynamic_request_limited"}}`, rate, pair},
	{429, "", `{"error":{"message":"no","type":null,"code":null},"error_type":"dynamic_token_limited"}`, rate, pair},
	{401, "", withCode("invalid_request_error", "invalid_api_key", "no"), auth, account},
	{402, "", withCode("", "", "no"), quota, account},
	{503, "", "", overloaded, provided}, {529, "", "", overloaded, provided}, {524, "", "<html>", transient, account},
}

var cerebrasRows = []judged{
	{429, "X-Should-Retry: false", `{"message":"busy","type":"too_many_requests_error","param":"queue","code":"queue_exceeded"}`, capacity, account},
	{429, "Retry-After: 58", `{"message":"no","type":"too_many_requests_error","param":"quota","code":"request_quota_exceeded"}`, rate, pair},
	{429, "", `{"message":"no","type":"too_many_requests_error","param":"quota","code":"token_quota_exceeded"}`, rate, pair},
	{402, "", `{"message":"no","type":"payment_required","param":"quota","code":"payment_required"}`, quota, account},
	{401, "", `{"message":"no","type":"x","param":"key","code":"y"}`, auth, account},
	{400, "", `{"message":"no","type":"invalid_request_error","param":"x","code":"y"}`, invalid, none},
}

var cohereRows = []judged{
	{400, "", `{"message":"too many tokens: total number of tokens cannot exceed 128000","id":"x"}`, tooLong, none},
	{401, "", `{"message":"invalid api token","id":"x"}`, auth, account},
	{402, "", `{"message":"no","id":"x"}`, quota, account},
	{429, "X-Trial-Endpoint-Call-Remaining: 0", `{"message":"too many tokens for now","id":"x"}`, rate, pair},
	{503, "", `{"message":"no","id":"x"}`, overloaded, provided},
	{200, "", `{"choices":[{"finish_reason":"ERROR","message":{"content":""}}]}`, transient, account},
	{200, "", `{"choices":[{"finish_reason":"TIMEOUT","message":{"content":""}}]}`, timeout, account},
	{200, "", `{"choices":[{"finish_reason":"stop","message":{"content":"hi"}}]}`, provider.ClassOK, none},
}

var nvidiaRows = []judged{
	{429, "", "nvidia/429.json", rate, pair},
	{401, "", `{"status":401,"title":"Unauthorized"}`, auth, account},
	{403, "", `{"status":403,"title":"Forbidden","detail":"Authorization failed"}`, auth, account},
	{403, "", "<html>", egress, route},
	{402, "", `{"status":402,"title":"Payment Required"}`, quota, account},
	{400, "", `{"status":400,"title":"Bad Request"}`, invalid, none},
}

var siliconflowRows = []judged{
	{503, "", "System is really busy", overloaded, provided},
	{429, "", `{"code":50505,"message":"System is really busy. Please try again later.","data":null}`, overloaded, provided},
	{401, "", `"Api key is invalid"`, auth, account},
	{400, "", "Api key is invalid", auth, account},
	{403, "", `{"code":30001,"message":"Sorry, your account balance is insufficient","data":null}`, quota, account},
	{403, "", `{"code":30003,"message":"no","data":null}`, permission, pair},
	{429, "", `{"message":"Request was rejected due to rate limiting","data":null}`, rate, pair},
}

var vllmRows = []judged{
	{401, "", "vllm/401-no-key.json", auth, account},
	{400, "", "vllm/400-context.json", tooLong, none},
	{200, "", "vllm/400-context.json", tooLong, none},
	{400, "", `{"error":{"message":"no","type":"BadRequestError","param":null,"code":400}}`, invalid, none},
	{400, "", `{"object":"error","message":"no","type":"BadRequestError","param":null,"code":400}`, invalid, none},
	{404, "", "{\"error\":{\"message\":\"The model `x` does not exist.\",\"type\":\"NotFoundError\",\"param\":\"model\",\"code\":404}}", noModel, pair},
}

var ollamaRows = []judged{
	{404, "", "ollama/404-model.json", noModel, pair},
	{404, "", withCode("not_found_error", "", "no such model"), noModel, pair},
	{401, "", `{"error":"unauthorized","signin_url":"https://ollama.com/x"}`, auth, account},
	{400, "", withCode("invalid_request_error", "", "no"), invalid, none},
	{500, "", withCode("api_error", "", "no"), transient, account},
	{502, "", `{"error":"cloud model unreachable"}`, transient, provided},
	{503, "", `{"error":"server busy, please try again. maximum pending requests exceeded"}`, overloaded, provided},
	{413, "", `{"error":"no"}`, tooLarge, none}, {402, "", `{"error":"no"}`, quota, account}, {429, "", `{"error":"no"}`, rate, pair},
	{200, "", `{"error":"an error was encountered while running the model"}`, transient, account},
	{200, "", withCode("api_error", "", "no"), transient, account},
}

var llamacppRows = []judged{
	{503, "", `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`, overloaded, provided},
	{400, "", `{"error":{"code":400,"message":"request (9412 tokens) exceeds the available context size (8192 tokens)","type":"exceed_context_size_error"}}`, tooLong, none},
}

// What a failure says of its end, in the ways of those who differ.
func TestCompatibleResets(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		header string
		body   string
		until  time.Time
	}{
		{"mistral", 429, "", `{"message":"no","code":"1300"}`, noon.Add(time.Minute)},
		{"mistral", 429, "Retry-After: 7", `{"message":"no","code":"1300"}`, noon.Add(7 * time.Second)},
		{"mistral", 429, "", `{"message":"monthly limit","code":"1300"}`, time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)},
		{"mistral", 402, "", `{"message":"no"}`, time.Time{}},
		{"together", 429, "X-Ratelimit-Reset: 20", `{"error":{"message":"no"}}`, noon.Add(20 * time.Second)},
		{"together", 503, "X-Ratelimit-Reset: 20", `{"error":{"message":"no"}}`, time.Time{}},
		{"openrouter", 402, "Retry-After: 3", "openrouter/402-in-flight.json", noon.Add(3 * time.Second)},
		{"openrouter", 403, "", "openrouter/403-budget.json", time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)},
		{"openrouter", 429, "X-Ratelimit-Reset: 1787054460000", `{"error":{"message":"no","code":429}}`, time.UnixMilli(1787054460000)},
		{"cerebras", 429, "Retry-After: 58", `{"message":"no","code":"token_quota_exceeded"}`, noon.Add(58 * time.Second)},
		{"cerebras", 429, "X-Should-Retry: false", `{"message":"no","code":"queue_exceeded"}`, time.Time{}},
		{"groq", 429, "", "groq/429-requests-per-minute.json", noon.Add(2 * time.Second)},
		{"groq", 413, "Retry-After: 9", "groq/413-request-too-large.json", time.Time{}},
		{"nvidia", 429, "", "nvidia/429.json", time.Time{}},
		{"zhipu", 429, "", "zhipu/429-five-hours.json", time.Date(2026, 8, 18, 21, 38, 28, 0, time.UTC)},
		{"zhipu-intl", 429, "", `{"error":{"code":"1310","message":"您的限额将在 2026-08-20 08:00:00 重置"}}`, time.Date(2026, 8, 20, 0, 0, 0, 0, time.UTC)},
		{"zhipu-anthropic", 429, "", `{"error":{"code":"1316","message":"20 of 20. Resets at 2026-08-19T05:00:00Z"}}`, time.Date(2026, 8, 19, 5, 0, 0, 0, time.UTC)},
		{"zhipu", 429, "", `{"error":{"code":"1308","message":"reset at 2026-08-17 05:38:28"}}`, time.Time{}},
		{"zhipu", 429, "", `{"error":{"code":"1308","message":"reset on the 20th of 2026"}}`, time.Time{}},
		{"zhipu", 429, "", "zhipu/429-concurrency.json", time.Time{}},
		{"gemini-openai", 429, "", "gemini/429-per-minute.json", noon.Add(45 * time.Second)},
	} {
		r := judged{status: c.status, header: c.header, body: c.body}
		v := classifierOf(t, c.name)(r.answer(t))
		assert.WithinDuration(t, c.until, v.Until, 0, "%+v", c)
	}
}
