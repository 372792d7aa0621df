package provider_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// TestTraps has the fifteen traps of provider-facts 15, in their order.
func TestTraps(t *testing.T) {
	t.Run("1 two credentials reach Anthropic and the wrong one wins", func(t *testing.T) {
		r := request(t, http.MethodPost, "https://api.anthropic.com/v1/messages?beta=true&key=inbound",
			"Authorization", "Bearer sk-ant-api03-inbound", "X-Api-Key", "inbound", "Anthropic-Workspace-Id", "wrkspc_inbound",
			"Anthropic-Version", "2026-10-21", "Anthropic-Beta", "a,b")
		provider.StripCredentials(r)
		require.NoError(t, provider.Anthropic.API.Authorize(r, "ours"))
		assert.Equal(t, http.Header{"X-Api-Key": {"ours"}, "Anthropic-Version": {"2026-10-21"}, "Anthropic-Beta": {"a,b"}}, r.Header)
		assert.Equal(t, "beta=true", r.URL.RawQuery)
	})

	t.Run("2 Anthropic's money errors are 400", func(t *testing.T) {
		for file, class := range map[string]provider.Class{
			"anthropic/400-own-limit.json":           provider.ClassQuotaExhausted,
			"anthropic/400-own-workspace-limit.json": provider.ClassQuotaExhausted,
			"anthropic/400-credit.json":              provider.ClassQuotaExhausted,
		} {
			assert.Equal(t, class, judge(t, "anthropic", 400, file).Class, file)
		}
		v := provider.Anthropic.API.Classify(provider.Answer{Status: 400, At: noon,
			Body: []byte(`{"type":"error","error":{"type":"invalid_request_error","message":"This organization has been disabled."}}`)})
		assert.Equal(t, provider.ClassAuthInvalid, v.Class)
		assert.True(t, v.Permanent)
		v = judge(t, "anthropic", 429, "anthropic/429-spend-cap.json")
		assert.Equal(t, provider.ClassQuotaExhausted, v.Class)
		assert.Equal(t, time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), v.Until)
	})

	t.Run("3 a missing beta header is no dead token", func(t *testing.T) {
		v := judge(t, "anthropic", 401, "anthropic/401-oauth-header.json")
		assert.NotEqual(t, provider.ClassAuthInvalid, v.Class)
		assert.Equal(t, provider.ScopeNone, v.Scope)
	})

	t.Run("4 unified resets are epoch seconds and stand on good answers too", func(t *testing.T) {
		h := header(t, "anthropic/429-five-hours-headers.http")
		at := time.Unix(1774472400, 0).Add(-2 * time.Hour)
		v := provider.Anthropic.API.Classify(provider.Answer{Status: 429, Header: h, Body: fixture(t, "anthropic/429-rate.json"), At: at})
		assert.WithinDuration(t, time.Unix(1774472400, 0), v.Until, 0)
		v = provider.Anthropic.API.Classify(provider.Answer{Status: 200, Header: header(t, "anthropic/200-headers.http"), At: noon})
		assert.Equal(t, provider.ClassOK, v.Class)
		assert.True(t, v.Until.IsZero())
		// retry-after comes first: the other reset is that of a bucket that is full again.
		v = provider.Anthropic.API.Classify(provider.Answer{Status: 429, Header: header(t, "anthropic/429-headers.http"), Body: fixture(t, "anthropic/429-rate.json"), At: noon})
		assert.WithinDuration(t, noon.Add(17*time.Second), v.Until, 0)
	})

	t.Run("5 a model's window leaves the account alone and a throttle is short", func(t *testing.T) {
		op := provider.Operation{Model: "m"}
		v := provider.Anthropic.API.Classify(provider.Answer{Op: op, Status: 429, Header: header(t, "anthropic/429-model-window-headers.http"), Body: fixture(t, "anthropic/429-rate.json"), At: noon})
		assert.Equal(t, provider.ScopeAccountModel, v.Scope)
		v = provider.Anthropic.API.Classify(provider.Answer{Op: op, Status: 429, Header: headers("Anthropic-Ratelimit-Unified-Status", "allowed"), Body: fixture(t, "anthropic/429-rate.json"), At: noon})
		assert.Equal(t, provider.ClassRateLimited, v.Class)
		assert.True(t, v.Until.IsZero())
	})

	t.Run("6 OpenAI has many words for no money", func(t *testing.T) {
		for _, code := range []string{"insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded", "project_spend_limit_exceeded", "organization_usage_limit_exceeded"} {
			v := judgeText(t, "openai", 429, `{"error":{"message":"x","type":"insufficient_quota","param":null,"code":"`+code+`"}}`)
			assert.Equal(t, provider.ClassQuotaExhausted, v.Class, code)
			assert.Equal(t, provider.ScopeAccount, v.Scope, code)
			assert.Equal(t, code, v.Code)
		}
	})

	t.Run("7 what never clears by waiting", func(t *testing.T) {
		for _, v := range []provider.Verdict{
			judge(t, "openai", 429, "openai/429-request-too-large.json"),
			judge(t, "groq", 413, "groq/413-request-too-large.json"),
			judgeText(t, "gemini", 429, `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded for metric: x, limit: 0, model: m"}}`),
		} {
			assert.Equal(t, provider.ClassPermission, v.Class, v.Message)
			assert.True(t, v.Until.IsZero(), v.Message)
		}
	})

	t.Run("8 the way out is refused and not the account", func(t *testing.T) {
		for _, v := range []provider.Verdict{
			judge(t, "openai", 403, "openai/403-country.json"),
			judgeText(t, "openai", 401, `{"error":{"message":"Your IP is not authorized","type":"invalid_request_error","param":null,"code":"ip_not_authorized"}}`),
		} {
			assert.Equal(t, provider.ClassEgressBlocked, v.Class)
			assert.Equal(t, provider.ScopeRoute, v.Scope)
		}
	})

	t.Run("9 Gemini is not OpenAI", func(t *testing.T) {
		assert.Equal(t, provider.ClassAuthInvalid, judge(t, "gemini", 400, "gemini/400-bad-key.json").Class)
		daily := judge(t, "gemini", 429, "gemini/429-per-day.json") // in an array, with a retryDelay that lies
		assert.Equal(t, provider.ClassQuotaExhausted, daily.Class)
		assert.Greater(t, daily.Until.Sub(noon), time.Hour)
		minute := judge(t, "gemini", 429, "gemini/429-per-minute.json") // with OpenAI's words for no money
		assert.Equal(t, provider.ClassRateLimited, minute.Class)
		m := provider.Gemini.API.NewMeter(provider.Operation{Kind: provider.OpGenerate, Stream: true}, headers("Content-Type", "text/event-stream"))
		_, _ = m.Write(fixture(t, "gemini/stream.sse"))
		assert.True(t, m.Usage().Complete, "there is no terminal event to wait for")
	})

	t.Run("10 the same signal, other meanings", func(t *testing.T) {
		const noQuota = `{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`
		assert.Equal(t, provider.ClassQuotaExhausted, judgeText(t, "openai", 429, noQuota).Class)
		assert.Equal(t, provider.ClassRateLimited, judgeText(t, "dashscope", 429, noQuota).Class)
		assert.Equal(t, provider.ClassContextTooLong, judgeText(t, "together", 403, `{"error":{"message":"x","type":"invalid_request_error"}}`).Class)
		assert.Equal(t, provider.ClassQuotaExhausted, judge(t, "xai", 403, "xai/403-credits.json").Class)
		assert.Equal(t, provider.ClassQuotaExhausted, judge(t, "xai", 429, "xai/403-credits.json").Class)
		assert.Equal(t, provider.ClassAuthInvalid, judge(t, "xai", 400, "xai/400-bad-key.json").Class)
		assert.Equal(t, provider.ClassQuotaExhausted, judge(t, "openrouter", 403, "openrouter/403-budget.json").Class)
		assert.Equal(t, provider.ClassContentPolicy, judgeText(t, "openrouter", 403, `{"error":{"code":403,"message":"moderated","metadata":{"reasons":["x"],"flagged_input":"y"}}}`).Class)
		assert.NotEqual(t, provider.ClassQuotaExhausted, judge(t, "openrouter", 402, "openrouter/402-in-flight.json").Class)
	})

	t.Run("11 token arithmetic", func(t *testing.T) {
		for _, c := range []struct {
			name, body            string
			in, cached, out, last int64
		}{
			{"openai", `{"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":64},"completion_tokens_details":{"reasoning_tokens":15}}}`, 100, 64, 20, 15},
			{"anthropic", `{"usage":{"input_tokens":36,"cache_read_input_tokens":64,"output_tokens":20,"output_tokens_details":{"thinking_tokens":15}}}`, 100, 64, 20, 15},
			{"gemini", `{"usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":64,"candidatesTokenCount":5,"thoughtsTokenCount":15,"totalTokenCount":120}}`, 100, 64, 20, 15},
			{"xai", `{"usage":{"prompt_tokens":100,"completion_tokens":5,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":64},"completion_tokens_details":{"reasoning_tokens":15}}}`, 100, 64, 20, 15},
		} {
			u := readBy(t, c.name, "application/json", c.body).Usage()
			assert.Equal(t, [4]int64{c.in, c.cached, c.out, c.last}, [4]int64{u.Input, u.CachedInput, u.Output, u.Reasoning}, c.name)
			assert.True(t, u.Complete, c.name)
		}
	})

	t.Run("12 where usage stands", func(t *testing.T) {
		u := readBy(t, "anthropic", "text/event-stream", string(fixture(t, "anthropic/stream-nulls.sse"))).Usage()
		assert.Equal(t, [4]int64{3 + 18320 + 412, 18320, 412, 57}, [4]int64{u.Input, u.CachedInput, u.CacheWrite, u.Output})
		u = readBy(t, "openai", "text/event-stream", string(fixture(t, "openai/chat-stream.sse"))).Usage()
		assert.Equal(t, [2]int64{1024, 7}, [2]int64{u.Input, u.Output})
		u = readBy(t, "moonshot", "text/event-stream", `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":19,"completion_tokens":13,"total_tokens":32}}]}`+"\n\ndata: [DONE]\n\n").Usage()
		assert.Equal(t, [2]int64{19, 13}, [2]int64{u.Input, u.Output})
	})

	t.Run("13 200 is not success", func(t *testing.T) {
		for _, c := range []struct{ name, kind, body string }{
			{"openai", "text/event-stream", string(fixture(t, "openai/responses-failed.sse"))},
			{"openai", "text/event-stream", string(fixture(t, "openai/responses-overloaded.sse"))},
			{"anthropic", "text/event-stream", string(fixture(t, "anthropic/stream-overloaded.sse"))},
			{"openrouter", "application/json", `{"id":"gen-1","choices":[{"index":0,"finish_reason":"error","error":{"code":502,"message":"Provider disconnected","metadata":{"error_type":"provider_unavailable"}}}]}`},
			{"minimax", "application/json", `{"id":"","choices":null,"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}`},
			{"anthropic", "application/json", string(fixture(t, "anthropic/200-refusal.json"))},
			{"ollama", "application/x-ndjson", "{\"response\":\" Yes\",\"done\":false}\n{\"error\":\"an error was encountered while running the model\"}\n"},
		} {
			m := readBy(t, c.name, c.kind, c.body)
			v, failed := m.(interface {
				Failure() (provider.Verdict, bool)
			}).Failure()
			assert.True(t, failed, c.name+" "+c.body)
			assert.NotEqual(t, provider.ClassOK, v.Class, c.name)
			assert.NotEqual(t, provider.ClassUnknown, v.Class, c.name)
		}
	})

	t.Run("14 where the model stands", func(t *testing.T) {
		const form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\n\"model\":\"wrong\"\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b--\r\n"
		for _, c := range []struct {
			p                  *provider.Provider
			path, kind, coding string
			body, model        string
			stream             bool
		}{
			{provider.Gemini, "/v1beta/models/gemini-3.6-flash:streamGenerateContent?alt=sse", "application/json", "", `{}`, "gemini-3.6-flash", true},
			{provider.OpenAI, "/v1/audio/transcriptions", "multipart/form-data; boundary=b", "", form, "whisper-1", false},
			{provider.OpenAI, "/v1/responses", "application/json", "", `{"prompt":{"id":"pmpt_1"}}`, "", false},
			{provider.OpenAI, "/v1/chat/completions", "application/json", "zstd", "\x28\xb5\x2f\xfd...", "", false},
			{provider.OpenAI, "/v1/audio/speech", "application/json", "", `{"model":"tts","stream":true,"stream_format":"sse"}`, "tts", true},
			{provider.OpenAI, "/v1/audio/speech", "application/json", "", `{"model":"tts","stream":true}`, "tts", false},
		} {
			r := request(t, http.MethodPost, c.p.BaseURL[:strings.LastIndex(c.p.BaseURL, "//")+2]+"host"+c.path, "Content-Type", c.kind)
			if c.coding != "" {
				r.Header.Set("Content-Encoding", c.coding)
			}
			op := c.p.API.Describe(r, []byte(c.body))
			assert.Equal(t, c.model, op.Model, c.path)
			assert.Equal(t, c.stream, op.Stream, c.path)
		}
	})

	t.Run("15 hints to wait vary", func(t *testing.T) {
		limited := func(name string, h ...string) provider.Verdict {
			return classifierOf(t, name)(provider.Answer{Op: provider.Operation{Model: "m"}, Status: 429, Header: headers(h...), At: noon,
				Body: []byte(`{"error":{"message":"Rate limit exceeded","code":429}}`)})
		}
		assert.WithinDuration(t, noon.Add(6*time.Minute), limited("openai", "X-Ratelimit-Remaining-Tokens", "0", "X-Ratelimit-Reset-Tokens", "6m0s").Until, 0)
		assert.WithinDuration(t, noon.Add(6*time.Second), limited("openai", "X-Ratelimit-Remaining-Tokens", "0", "X-Ratelimit-Reset-Tokens", "6").Until, 0)
		assert.True(t, limited("openai", "X-Ratelimit-Remaining-Tokens", "-1", "X-Ratelimit-Reset-Tokens", "-1").Until.IsZero())
		assert.WithinDuration(t, noon.Add(time.Minute), limited("openrouter", "X-Ratelimit-Remaining", "0", "X-Ratelimit-Reset", fmt.Sprint(noon.Add(time.Minute).UnixMilli())).Until, 0)
		assert.WithinDuration(t, noon.Add(20*time.Second), limited("together", "X-Ratelimit-Reset", "20").Until, 0)
		queue := classifierOf(t, "cerebras")(provider.Answer{Status: 429, Header: headers("X-Should-Retry", "false"), At: noon,
			Body: []byte(`{"message":"busy","type":"too_many_requests_error","param":"queue","code":"queue_exceeded"}`)})
		assert.True(t, queue.Class.Retryable(), "x-should-retry is about the account, not the request")
	})
}

func judgeText(t *testing.T, name string, status int, body string) provider.Verdict {
	t.Helper()
	return classifierOf(t, name)(provider.Answer{Op: provider.Operation{Model: "m"}, Status: status, Header: http.Header{}, Body: []byte(body), At: noon})
}

func judge(t *testing.T, name string, status int, file string) provider.Verdict {
	t.Helper()
	return judgeText(t, name, status, string(fixture(t, file)))
}

// readBy is a meter of a provider of the catalogue that has read a body.
func readBy(t *testing.T, name, kind, body string) provider.Meter {
	t.Helper()
	p, ok := provider.Lookup(name)
	require.True(t, ok, name)
	newMeter := p.NewMeter
	if newMeter == nil {
		newMeter = p.API.NewMeter
	}
	op := provider.Operation{Kind: provider.OpChat, Stream: strings.Contains(kind, "stream")}
	switch p.API.Name {
	case "anthropic":
		op.Kind = provider.OpMessages
	case "gemini":
		op.Kind = provider.OpGenerate
	}
	m := newMeter(op, headers("Content-Type", kind))
	_, err := m.Write([]byte(body))
	require.NoError(t, err)
	return m
}
