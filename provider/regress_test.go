package provider_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/provider"
)

func judgedBy(t *testing.T, name string, status int, body string, h http.Header) provider.Verdict {
	t.Helper()
	return classifierOf(t, name)(provider.Answer{Op: provider.Operation{Model: "m"}, Status: status, Header: h, Body: []byte(body), At: noon})
}

// APIs repeat the caller's own words in a 400: whoever may send a request must not
// be able to put an account out of use with them.
func TestCallersWordsDoNotMarkTheAccount(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
	}{
		// {"role":"assistant","content":[{"type":"organization has been disabled"}]}
		{"anthropic", 400, `{"type":"error","error":{"type":"invalid_request_error","message":"messages.0.content.0: Input tag 'organization has been disabled' found using 'type' does not match any of the expected tags: 'image', 'text', 'thinking', 'tool_result', 'tool_use'"}}`},
		{"anthropic", 400, `{"type":"error","error":{"type":"invalid_request_error","message":"tools.0: Input tag 'credit balance is too low' found using 'type' does not match any of the expected tags: 'bash_20250124', 'custom'"}}`},
		// {"api key expired":1}
		{"gemini", 400, `{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"api key expired\" at 'contents[0]': Cannot find field.","status":"INVALID_ARGUMENT"}}`},
		{"gemini", 400, `{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"prepayment credits are depleted\": Cannot find field.","status":"INVALID_ARGUMENT"}}`},
		// {"role":"account_deactivated"}
		{"openai", 400, `{"error":{"message":"Invalid value: 'account_deactivated'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.","type":"invalid_request_error","param":"messages[0].role","code":"invalid_value"}}`},
		{"openrouter", 400, `{"error":{"message":"insufficient balance is not a valid model ID","code":400}}`},
		{"vllm", 400, `{"error":{"message":"1 validation error: {'type': 'literal_error', 'loc': ('body', 'tool_choice'), 'input': 'user location is not supported'}","type":"BadRequestError","param":null,"code":400}}`},
		{"xai", 400, `{"code":"Client specified an invalid argument","error":"Invalid value for role: run out of credits"}`},
	} {
		v := judgedBy(t, c.name, c.status, c.body, nil)
		assert.Equal(t, provider.ClassInvalidRequest.String(), v.Class.String(), "%s permanent=%v scope=%s: %s", c.name, v.Permanent, v.Scope, c.body)
		assert.Equal(t, none, v.Scope, c.body)
		assert.False(t, v.Permanent, c.body)
	}
}

// The codes of a failed response (oai-spec, ResponseErrorCode) that are about the
// caller's picture.
func TestAPictureThatCannotBeReadIsTheCallersFault(t *testing.T) {
	for _, code := range []string{
		"invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url", "invalid_image_mode",
		"unsupported_image_media_type", "empty_image_file", "failed_to_download_image", "image_file_not_found",
	} {
		m := provider.OpenAI.API.NewMeter(provider.Operation{Kind: responses, Model: "m"}, http.Header{})
		_, _ = m.Write([]byte(namedEvent(`{"type":"response.failed","response":{"id":"r","status":"failed","error":{"code":"` + code + `","message":"The image could not be read."},"usage":null}}`)))
		v, failed := failure(m)
		assert.True(t, failed)
		assert.Equal(t, "invalid request / none", v.Class.String()+" / "+v.Scope.String(), code)
	}
}

// A window that only the claim names is that of a model (provider-facts 4.8).
func TestAWindowNamedByTheClaimAlone(t *testing.T) {
	for _, claim := range []string{"seven_day_opus", "seven_day_overage_included"} {
		v := judgedBy(t, "anthropic", 429, `{"type":"error","error":{"type":"rate_limit_error","message":"x"}}`, headers(
			"Anthropic-Ratelimit-Unified-Status", "rejected",
			"Anthropic-Ratelimit-Unified-Representative-Claim", claim,
			"Anthropic-Ratelimit-Unified-5h-Status", "allowed",
			"Anthropic-Ratelimit-Unified-7d-Status", "allowed",
			"Retry-After", "121180"))
		assert.Equal(t, provider.ScopeAccountModel.String(), v.Scope.String(), claim)
	}
}

// Anthropic's old completions end with a stop_reason; there is no message_stop.
func TestOldCompletionsComeToTheirEnd(t *testing.T) {
	m := provider.Anthropic.API.NewMeter(provider.Operation{Kind: provider.OpCompletions, Stream: true}, headers("Content-Type", "text/event-stream"))
	_, _ = io.WriteString(m, namedEvent(`{"type":"completion","id":"c","completion":" Hi","stop_reason":null,"model":"claude-2.1"}`)+
		namedEvent(`{"type":"completion","id":"c","completion":"","stop_reason":"stop_sequence","model":"claude-2.1"}`))
	assert.True(t, ended(m))
}

// A finish reason that says that the answer is none does so in a stream, too.
func TestFinishReasonsOfStreams(t *testing.T) {
	for _, c := range []struct{ name, reason string }{
		{"cohere", "ERROR"}, {"cohere", "TIMEOUT"}, {"zhipu", "network_error"}, {"zhipu", "sensitive"}, {"zhipu", "model_context_window_exceeded"},
	} {
		p, _ := provider.Lookup(c.name)
		m := p.NewMeter(provider.Operation{Kind: chat, Stream: true}, headers("Content-Type", "text/event-stream"))
		_, _ = io.WriteString(m, dataEvent(`{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"`+c.reason+`"}]}`)+"data: [DONE]\n\n")
		_, failed := failure(m)
		assert.True(t, failed, "%s %s", c.name, c.reason)
	}
}

// What a model puts into a tool's arguments is not the usage of the answer.
func TestArgumentsAreNotUsage(t *testing.T) {
	m := provider.Gemini.API.NewMeter(provider.Operation{Kind: generate, Stream: true}, headers("Content-Type", "text/event-stream"))
	_, _ = io.WriteString(m, geminiParts(`[{"text":"Hi"}]`)+
		dataEvent(`{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"f","args":{"usageMetadata":{"promptTokenCount":999999}}}}]},"index":0}],"usageMetadata":{"promptTokenCount":20,"candidatesTokenCount":7},"modelVersion":"g"}`))
	u := m.Usage() // the caller hung up here
	assert.Equal(t, [2]int64{20, 7}, [2]int64{u.Input, u.Output})
}

// The metadata that a caller gave stands behind the usage of a response, and may
// have a member of that name: it hides the usage of what is too long to keep.
func TestMetadataDoesNotHideUsage(t *testing.T) {
	picture := strings.Repeat("iVBO", 300<<10)
	for _, metadata := range []string{`{}`, `{"usage":"prod"}`, `{"kind":"usage"}`} {
		body := `{"type":"response.completed","response":{"id":"r","status":"completed","model":"gpt-5","output":[{"type":"image_generation_call","status":"completed","result":"` + picture + `"}],"usage":{"input_tokens":50,"output_tokens":60,"total_tokens":110},"user":null,"metadata":` + metadata + `}}`
		m := provider.OpenAI.API.NewMeter(provider.Operation{Kind: responses, Stream: true}, headers("Content-Type", "text/event-stream"))
		_, _ = io.WriteString(m, namedEvent(body))
		u := m.Usage()
		assert.Equal(t, [2]int64{50, 60}, [2]int64{u.Input, u.Output}, metadata)
		assert.True(t, u.Complete, metadata)
	}
}

// A meter never delays a byte, whatever comes: its time is linear.
func TestNestedIterationsCostLittle(t *testing.T) {
	const level = `{"type":"compaction","output_tokens":1,"iterations":[`
	n := 900 << 10 / (len(level) + 2)
	body := `{"type":"message","usage":` + strings.Repeat(level, n) + strings.Repeat("]}", n) + `}`
	m := provider.Anthropic.API.NewMeter(provider.Operation{Kind: messages}, http.Header{})
	start := time.Now()
	_, _ = io.WriteString(m, body)
	assert.Less(t, time.Since(start), 5*time.Second, "%d bytes: quadratic time took 8 s and more", len(body))
}

// A meter keeps at most 1 MiB, its stack included.
func TestDeepJSONTakesNoStack(t *testing.T) {
	const n = 500 << 10
	body := []byte(`{"usage":1,"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`)
	for _, p := range []*provider.Provider{provider.OpenAI, provider.Anthropic, provider.Gemini} {
		grown := make(chan int64)
		go func() {
			var before, after runtime.MemStats
			m := p.API.NewMeter(provider.Operation{}, http.Header{})
			runtime.ReadMemStats(&before)
			_, _ = m.Write(body)
			runtime.ReadMemStats(&after)
			grown <- int64(after.StackInuse) - int64(before.StackInuse)
		}()
		assert.Less(t, <-grown, int64(8<<20), p.Name)
	}
}

// Message is without keys, parts of keys, and ids of organisations and projects.
func TestMessagesTellNoIDs(t *testing.T) {
	for _, c := range []struct{ name, secret, body string }{
		{"gemini", "583046120123", `{"error":{"code":403,"message":"Generative Language API has not been used in project 583046120123 before or it is disabled.","status":"PERMISSION_DENIED"}}`},
		{"gemini", "583046120123", `{"error":{"code":403,"message":"Permission denied: Consumer 'projects/583046120123' has been suspended.","status":"PERMISSION_DENIED"}}`},
		{"moonshot", "ak-exa8s5vzmoy111kcoxii", `{"error":{"message":"Your account org-d8c5c1c9e2f84fb28ad0ee40d3ca47bd <ak-exa8s5vzmoy111kcoxii> is suspended due to insufficient balance","type":"exceeded_current_quota_error"}}`},
		{"nvidia", "nvapi-Ab3dEf", `{"status":403,"title":"Forbidden","detail":"Authorization failed for nvapi-Ab3dEf"}`},
	} {
		v := judgedBy(t, c.name, 403, c.body, nil)
		assert.NotContains(t, v.Message, c.secret, c.name)
	}
}

// Moonshot's words for a wait.
func TestTryAgainAfter(t *testing.T) {
	v := judgedBy(t, "moonshot", 429, `{"error":{"message":"Your account request reached organization max RPM: 20, please try again after 7 seconds","type":"rate_limit_reached_error"}}`, nil)
	assert.Equal(t, noon.Add(7*time.Second), v.Until)
}

// The extra chunk goes wherever its data stands in the event.
func TestTheExtraChunkMayHaveAnID(t *testing.T) {
	const chunk = `data: {"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}` + "\n\n"
	for _, before := range []string{"", "id: 7\n", "event: message\n"} {
		out, err := io.ReadAll(provider.WithoutUsage(io.NopCloser(strings.NewReader(before + chunk + "data: [DONE]\n\n"))))
		assert.NoError(t, err)
		assert.NotContains(t, string(out), `"usage"`, "%q", before)
	}
}

// An event's name is no reason to overlook what is in it: chat has none, but a relay
// may give it one.
func TestNamedChunksOfChat(t *testing.T) {
	for _, name := range []string{"message", "chat.completion.chunk"} {
		m := provider.OpenAI.API.NewMeter(provider.Operation{Kind: chat, Stream: true}, headers("Content-Type", "text/event-stream"))
		_, _ = fmt.Fprintf(m, "event: %s\ndata: %s\n\nevent: %s\ndata: %s\n\n", name, `{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}`, name, `{"error":{"message":"x","code":"server_error"}}`)
		_, failed := failure(m)
		assert.True(t, failed, name)
		assert.Equal(t, int64(9), m.Usage().Input, name)
	}
}

// A business code without an envelope is an error in a stream as in a document.
func TestFlatErrorsInStreams(t *testing.T) {
	p, _ := provider.Lookup("dashscope")
	const flat = `{"code":"Throttling.RateQuota","message":"Requests rate limit exceeded, please try again later.","request_id":"a1b2"}`
	for _, body := range []string{flat, "event: error\n" + dataEvent(flat), dataEvent(flat)} {
		m := p.NewMeter(provider.Operation{Kind: chat, Stream: true}, http.Header{})
		_, _ = io.WriteString(m, body)
		v, failed := failure(m)
		assert.True(t, failed, body)
		assert.Equal(t, rate, v.Class, body)
	}
}

// OpenAI refuses organisations that are not verified; others are (not in the facts).
func TestAnUnverifiedOrganisationIsTheAccountsFault(t *testing.T) {
	v := judgedBy(t, "openai", 400, `{"error":{"message":"Your organization must be verified to stream this model. Please go to: https://platform.openai.com/settings/organization/general and click on Verify Organization.","type":"invalid_request_error","param":"stream","code":"unsupported_value"}}`, nil)
	assert.Equal(t, permission.String(), v.Class.String())
}

// Facts 5.3 lists these among the reasons that are about the content, with "…".
func TestGeminiFinishReasons(t *testing.T) {
	for _, reason := range []string{"IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"} {
		m := provider.Gemini.API.NewMeter(provider.Operation{Kind: generate}, http.Header{})
		_, _ = io.WriteString(m, `{"candidates":[{"finishReason":"`+reason+`"}],"modelVersion":"g"}`)
		v, failed := failure(m)
		assert.True(t, failed && v.Class == policy, reason)
	}
}

// A text of another script may follow a Latin word at once.
func TestChineseTextsBehindLatinWords(t *testing.T) {
	v := judgedBy(t, "zhipu", 429, `{"error":{"message":"API余额不足，请充值"}}`, nil)
	assert.Equal(t, quota, v.Class)
	v = judgedBy(t, "zhipu", 429, `{"error":{"message":"GLM余额不足"}}`, nil)
	assert.Equal(t, quota, v.Class)
}

// Fast mode costs more. Its answers say so in usage.speed; where the row has no
// factor for it, the price is not known.
func TestFastModeIsNotPricedAsTheOrdinarySpeed(t *testing.T) {
	const body = `{"type":"message","model":"%s","content":[],"stop_reason":"end_turn",
		"usage":{"input_tokens":1000000,"output_tokens":0,"service_tier":"standard","speed":"fast"}}`
	for _, tt := range []struct {
		model string
		nano  int64
		known bool
	}{
		{"claude-opus-5-5", 8 * provider.USD, true}, // fastClaude: twice $4
		{"claude-opus-4-6", 0, false},
	} {
		m := provider.Anthropic.API.NewMeter(provider.Operation{Kind: provider.OpMessages, Model: tt.model}, http.Header{"Content-Type": {"application/json"}})
		_, _ = fmt.Fprintf(m, body, tt.model)
		nano, known := provider.StarterPrices().Cost("anthropic", tt.model, m.Usage())
		assert.Equal(t, tt.known, known, tt.model)
		assert.Equal(t, tt.nano, nano, tt.model)
	}
}
