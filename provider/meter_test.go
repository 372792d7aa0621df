package provider_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

const (
	chat      = provider.OpChat
	responses = provider.OpResponses
	messages  = provider.OpMessages
	generate  = provider.OpGenerate
)

// metered lists whole answers and what they used.
func metered(t testing.TB) []struct {
	name string
	p    *provider.Provider
	kind provider.OperationKind
	body string
	want provider.Usage
} {
	file := func(name string) string { return string(fixture(t, name)) }
	event := func(name string) string { return "data: " + file(name) + "\n\n" }
	return []struct {
		name string
		p    *provider.Provider
		kind provider.OperationKind
		body string
		want provider.Usage
	}{
		{"chat stream", provider.OpenAI, chat, file("openai/chat-stream.sse"), provider.Usage{Input: 1024, CachedInput: 896, Output: 7, Model: "gpt-4o-mini-2024-07-18", Complete: true}},
		{"responses stream", provider.OpenAI, responses, file("openai/responses-completed.sse"), provider.Usage{Input: 328, CachedInput: 256, Output: 52, Reasoning: 40, Tier: "default", Model: "gpt-5.6", Complete: true}},
		{"transcription", provider.OpenAI, provider.OpAudio, event("openai/transcript-done.json"), provider.Usage{Input: 14, AudioInput: 4, Output: 31, Complete: true}},
		{"speech", provider.OpenAI, provider.OpAudio, event("openai/speech-done.json"), provider.Usage{Input: 14, Output: 101, Complete: true}},
		{"image stream", provider.OpenAI, provider.OpImages, "event: image_generation.completed\n" + event("openai/image-completed.json"), provider.Usage{Input: 50, ImageInput: 40, Output: 50, Images: 1, Complete: true}},
		{"chat", provider.OpenAI, chat, `{"model":"m1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":2}}}`, provider.Usage{Input: 9, CachedInput: 4, CacheWrite: 2, Output: 3, Model: "m1", Complete: true}},
		{"responses", provider.OpenAI, responses, `{"object":"response","status":"completed","error":null,"model":"m1","usage":{"input_tokens":9,"output_tokens":3,"total_tokens":12}}`, provider.Usage{Input: 9, Output: 3, Model: "m1", Complete: true}},
		{"embeddings", provider.OpenAI, provider.OpEmbeddings, `{"object":"list","data":[],"model":"e","usage":{"prompt_tokens":8,"total_tokens":8}}`, provider.Usage{Input: 8, Model: "e", Complete: true}},
		{"reasoning beside the output, as at xAI", provider.OpenAI, chat, `{"usage":{"prompt_tokens":12,"completion_tokens":1,"total_tokens":399,"completion_tokens_details":{"reasoning_tokens":386}}}`, provider.Usage{Input: 12, Output: 387, Reasoning: 386, Complete: true}},
		{"cache hits, as at DeepSeek", provider.OpenAI, chat, "\n\n\n" + `{"usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36,"completion_tokens_details":{"reasoning_tokens":30}}}`, provider.Usage{Input: 100, CachedInput: 64, Output: 50, Reasoning: 30, Complete: true}},
		{"usage in the choice, as at Moonshot", provider.OpenAI, chat, `data: {"model":"kimi-k2","choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":19,"completion_tokens":13,"total_tokens":32,"cached_tokens":0}}]}` + "\n\ndata: [DONE]\n\n", provider.Usage{Input: 19, Output: 13, Model: "kimi-k2", Complete: true}},
		{"by the second", provider.OpenAI, provider.OpAudio, `{"text":"x","usage":{"type":"duration","seconds":9.5}}`, provider.Usage{Audio: 9500 * time.Millisecond, Complete: true}},
		{"no usage asked for", provider.OpenAI, chat, "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: [DONE]\n\n", provider.Usage{}},
		{"cut before DONE", provider.OpenAI, chat, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n", provider.Usage{Input: 1, Output: 2}},
		{"background response", provider.OpenAI, responses, `{"status":"queued","model":"m","usage":null}`, provider.Usage{Model: "m"}},
		{"numbers that are none", provider.OpenAI, chat, `{"usage":{"prompt_tokens":"3505","completion_tokens":-1,"total_tokens":1e300,"prompt_tokens_details":{"cached_tokens":1.0},"completion_tokens_details":{"reasoning_tokens":9007199254740993}}}`, provider.Usage{Input: 3505, CachedInput: 1, Output: 1<<53 - 3505, Reasoning: 1<<53 - 3505, Complete: true}},

		{"messages stream", provider.Anthropic, messages, file("anthropic/stream.sse"), provider.Usage{Input: 25, Output: 15, Model: "claude-opus-5", Complete: true}},
		{"messages stream with nulls", provider.Anthropic, messages, file("anthropic/stream-nulls.sse"), provider.Usage{Input: 18735, CachedInput: 18320, CacheWrite: 412, Output: 57, Reasoning: 20, Tier: "standard", Model: "claude-sonnet-5", Complete: true}},
		{"messages stream without names", provider.Anthropic, messages, withoutNames(file("anthropic/stream-nulls.sse")), provider.Usage{Input: 18735, CachedInput: 18320, CacheWrite: 412, Output: 57, Reasoning: 20, Tier: "standard", Model: "claude-sonnet-5", Complete: true}},
		{"messages", provider.Anthropic, messages, `{"type":"message","model":"c","usage":{"input_tokens":3,"cache_read_input_tokens":10,"cache_creation_input_tokens":5,"output_tokens":7}}`, provider.Usage{Input: 18, CachedInput: 10, CacheWrite: 5, Output: 7, Model: "c", Complete: true}},
		{"refusal", provider.Anthropic, messages, file("anthropic/200-refusal.json"), provider.Usage{Input: 412, Model: "claude-fable-5", Complete: true}},
		{"input grows", provider.Anthropic, messages, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n" +
			"event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":0,\"output_tokens\":2}}\n\n" +
			"event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":9,\"output_tokens\":3}}\n\n", provider.Usage{Input: 9, Output: 3}},
		{"counting", provider.Anthropic, provider.OpCountTokens, `{"input_tokens":2095}`, provider.Usage{Complete: true}},
		{"everything of chat", provider.OpenAI, chat, `{"model":"m","service_tier":"priority","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_tokens_details":{"cached_tokens":20,"cache_write_tokens":12,"audio_tokens":30,"image_tokens":5,"text_tokens":65},"completion_tokens_details":{"reasoning_tokens":10,"audio_tokens":25,"image_tokens":3,"accepted_prediction_tokens":1}}}`,
			provider.Usage{Input: 100, CachedInput: 20, CacheWrite: 12, AudioInput: 30, ImageInput: 5, Output: 50, Reasoning: 10, AudioOutput: 25, ImageOutput: 3, Tier: "priority", Model: "m", Complete: true}},
		{"writes to the cache by time", provider.OpenAI, responses, `{"usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":60,"cache_write_tokens_details":{"ttl_30m_tokens":40,"ttl_12h_tokens":20}},"output_tokens":1}}`,
			provider.Usage{Input: 100, CacheWrite: 60, CacheWrite1h: 20, Output: 1, Complete: true}},
		{"writes beside the details", provider.OpenAI, responses, `{"usage":{"input_tokens":100,"cache_write_tokens_details":{"ttl_30m_tokens":40,"ttl_12h_tokens":20},"output_tokens":1}}`,
			provider.Usage{Input: 100, CacheWrite: 60, CacheWrite1h: 20, Output: 1, Complete: true}},
		{"compacted response", provider.OpenAI, responses, `{"object":"response.compaction","output":[],"usage":{"input_tokens":139,"input_tokens_details":{"cached_tokens":0},"output_tokens":438,"output_tokens_details":{"reasoning_tokens":64},"total_tokens":577}}`,
			provider.Usage{Input: 139, Output: 438, Reasoning: 64, Complete: true}},
		{"tools of a response", provider.OpenAI, responses, `{"output":[{"type":"web_search_call","action":{"type":"search"}},{"type":"web_search_call","action":{"type":"open_page"}},{"type":"image_generation_call","status":"completed","result":"iVBO"},{"type":"image_generation_call","status":"failed","result":null},{"type":"message","content":[]}],"usage":{"input_tokens":1,"output_tokens":1}}`,
			provider.Usage{Input: 1, Output: 1, Images: 1, WebSearches: 1, Complete: true}},
		{"searches that are counted", provider.OpenAI, responses, `{"output":[{"type":"web_search_call"},{"type":"web_search_call"}],"tool_usage":{"web_search":{"num_requests":1}},"usage":{"input_tokens":1,"output_tokens":1}}`,
			provider.Usage{Input: 1, Output: 1, WebSearches: 1, Complete: true}},
		{"tools in a stream", provider.OpenAI, responses, namedEvent(`{"type":"response.web_search_call.completed","item_id":"w"}`) + namedEvent(`{"type":"response.image_generation_call.completed","item_id":"i"}`) + namedEvent(`{"type":"response.completed","response":{"service_tier":"flex","output":[{"type":"image_generation_call","result":"iVBO"}],"usage":{"input_tokens":1,"output_tokens":2}}}`),
			provider.Usage{Input: 1, Output: 2, Images: 1, WebSearches: 1, Tier: "flex", Complete: true}},
		{"incomplete response", provider.OpenAI, responses, namedEvent(`{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"usage":{"input_tokens":1,"output_tokens":2}}}`),
			provider.Usage{Input: 1, Output: 2, Complete: true}},
		{"images", provider.OpenAI, provider.OpImages, `{"created":1,"data":[{"b64_json":"iVBO"},{"b64_json":"iV{\"[{BO"}],"usage":{"total_tokens":100,"input_tokens":50,"output_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40},"output_tokens_details":{"image_tokens":50,"text_tokens":0}}}`,
			provider.Usage{Input: 50, ImageInput: 40, Output: 50, ImageOutput: 50, Images: 2, Complete: true}},
		{"images paid by the piece", provider.OpenAI, provider.OpImages, `{"created":1,"data":[{"url":"https://example.com/1"},{"url":"https://example.com/2"},{"url":"https://example.com/3"}]}`, provider.Usage{Images: 3, Complete: true}},
		{"no images", provider.OpenAI, provider.OpImages, `{"error":{"message":"x","details":[{}]},"x":[{}]}`, provider.Usage{}},
		{"edited image", provider.OpenAI, provider.OpImages, namedEvent(`{"type":"image_edit.partial_image","b64_json":"iV"}`) + namedEvent(`{"type":"image_edit.completed","b64_json":"iVBO","usage":{"input_tokens":5,"output_tokens":6,"total_tokens":11}}`), provider.Usage{Input: 5, Output: 6, Images: 1, Complete: true}},
		{"predictions", provider.Gemini, provider.OpImages, `{"predictions":[{"mimeType":"image/png","bytesBase64Encoded":"iVBO"},{"mimeType":"image/png"}]}`, provider.Usage{Images: 2, Complete: true}},
		{"by tokens", provider.OpenAI, provider.OpAudio, `{"text":"x","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":45,"total_tokens":59}}`, provider.Usage{Input: 14, AudioInput: 14, Output: 45, Complete: true}},
		{"by a second that is none", provider.OpenAI, provider.OpAudio, `{"text":"x","usage":{"type":"duration","seconds":-1}}`, provider.Usage{Complete: true}},
		{"by too many seconds", provider.OpenAI, provider.OpAudio, `{"text":"x","usage":{"type":"duration","seconds":1e300}}`, provider.Usage{Audio: 1 << 33 * time.Second, Complete: true}},
		{"moderation", provider.OpenAI, provider.OpModeration, `{"id":"modr-1","model":"omni","results":[]}`, provider.Usage{Model: "omni", Complete: true}},
		{"moderation, cut", provider.OpenAI, provider.OpModeration, `{"id":"modr-1","model":"omni"`, provider.Usage{}},
		{"embeddings of pictures", provider.OpenAI, provider.OpEmbeddings, `{"data":[],"usage":{"prompt_tokens":8,"total_tokens":1008}}`, provider.Usage{Input: 1008, Complete: true}},
		{"parts beyond the whole", provider.OpenAI, chat, `{"usage":{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":50,"audio_tokens":9,"image_tokens":9,"cache_write_tokens":99},"completion_tokens_details":{"reasoning_tokens":3,"audio_tokens":4,"image_tokens":5}}}`,
			provider.Usage{Input: 5, CachedInput: 5, CacheWrite: 5, AudioInput: 5, ImageInput: 5, Output: 2, Reasoning: 2, AudioOutput: 2, ImageOutput: 2, Complete: true}},
		{"an empty object takes nothing back", provider.OpenAI, chat, dataEvent(`{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}`) + dataEvent(`{"choices":[],"usage":{}}`) + "data: [DONE]\n\n", provider.Usage{Input: 3, Output: 4, Complete: true}},

		{"DeepSeek", provider.OpenAI, chat, file("deepseek/200-usage.json"), provider.Usage{Input: 100, CachedInput: 64, Output: 50, Reasoning: 30, Complete: true}},
		{"Moonshot", provider.OpenAI, chat, file("moonshot/stream-usage.sse"), provider.Usage{Input: 19, CachedInput: 4, Output: 13, Model: "kimi-k2", Complete: true}},
		{"Moonshot, in both places", provider.OpenAI, chat, strings.Replace(file("moonshot/stream-usage.sse"), `"choices":[{"index":0,"delta":{},`, `"usage":{"prompt_tokens":19,"completion_tokens":13,"cached_tokens":4},"choices":[{"index":0,"delta":{},`, 1), provider.Usage{Input: 19, CachedInput: 4, Output: 13, Model: "kimi-k2", Complete: true}},
		{"Moonshot, null above", provider.OpenAI, chat, strings.Replace(file("moonshot/stream-usage.sse"), `"choices":[{"index":0,"delta":{},`, `"usage":null,"choices":[{"index":0,"delta":{},`, 1), provider.Usage{Input: 19, CachedInput: 4, Output: 13, Model: "kimi-k2", Complete: true}},
		{"Groq", provider.OpenAI, chat, file("groq/stream-usage.sse"), provider.Usage{Input: 18, Output: 5, Model: "llama-3.3-70b-versatile", Complete: true}},
		{"xAI", provider.OpenAI, chat, file("xai/200-usage.json"), provider.Usage{Input: 12, Output: 387, Reasoning: 386, Complete: true}},
		{"OpenRouter", provider.OpenAI, chat, file("openrouter/stream-usage.sse"), provider.Usage{Input: 10, Output: 4, Model: "x/y", Complete: true}},
		{"vLLM, continuous", provider.OpenAI, chat, file("vllm/stream-continuous-usage.sse"), provider.Usage{Input: 7, Output: 2, Model: "m", Complete: true}},
		{"MiniMax", provider.OpenAI, chat, `{"model":"abab","choices":[],"usage":{"total_tokens":9,"prompt_tokens":7,"completion_tokens":2},"base_resp":{"status_code":0,"status_msg":""}}`, provider.Usage{Input: 7, Output: 2, Model: "abab", Complete: true}},
		{"Ollama", provider.OpenAI, chat, file("ollama/stream.ndjson"), provider.Usage{Input: 26, Output: 282, Model: "gemma4", Complete: true}},
		{"Ollama, cut", provider.OpenAI, chat, file("ollama/stream.ndjson")[:300], provider.Usage{Model: "gemma4"}},
		{"Ollama, the prompt cached", provider.OpenAI, chat, `{"model":"gemma4","response":"Hi","done":true,"eval_count":3}`, provider.Usage{Output: 3, Model: "gemma4", Complete: true}},
		{"Ollama's embeddings", provider.OpenAI, provider.OpEmbeddings, `{"model":"e","embeddings":[[0.1,-2e-3]],"total_duration":14143917,"prompt_eval_count":8}`, provider.Usage{Input: 8, Model: "e", Complete: true}},

		{"everything of messages", provider.Anthropic, messages, `{"type":"message","model":"c","content":[],"stop_reason":"end_turn","usage":{"input_tokens":3,"cache_read_input_tokens":10,"cache_creation_input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":3},"output_tokens":7,"output_tokens_details":{"thinking_tokens":4},"server_tool_use":{"web_search_requests":2,"web_fetch_requests":1},"service_tier":"batch","speed":"fast"}}`,
			provider.Usage{Input: 18, CachedInput: 10, CacheWrite: 5, CacheWrite1h: 3, Output: 7, Reasoning: 4, WebSearches: 3, Tier: "fast", Model: "c", Complete: true}},
		{"searches in a stream", provider.Anthropic, messages, namedEvent(strings.Replace(messageStart, `"output_tokens":1`, `"output_tokens":1,"cache_creation_input_tokens":4,"cache_creation":{"ephemeral_1h_input_tokens":4},"server_tool_use":{"web_search_requests":0}`, 1)) +
			namedEvent(`{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":5,"server_tool_use":{"web_search_requests":1}}}`) +
			namedEvent(`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9,"cache_creation":null,"server_tool_use":{"web_search_requests":2}}}`) + namedEvent(`{"type":"message_stop"}`),
			provider.Usage{Input: 6, CacheWrite: 4, CacheWrite1h: 4, Output: 9, WebSearches: 2, Model: "c", Complete: true}},
		{"compaction is not in the sums", provider.Anthropic, messages, namedEvent(messageStart) +
			namedEvent(`{"type":"message_delta","delta":{},"usage":{"output_tokens":5,"iterations":[{"type":"compaction","input_tokens":100,"output_tokens":20},{"type":"message","input_tokens":2,"output_tokens":5}]}}`) +
			namedEvent(`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":2,"output_tokens":7,"iterations":[{"type":"compaction","input_tokens":100,"output_tokens":20},{"type":"message","input_tokens":2,"output_tokens":7}]}}`) + namedEvent(`{"type":"message_stop"}`),
			provider.Usage{Input: 102, Output: 27, Model: "c", Complete: true}},
		{"cut after the start", provider.Anthropic, messages, namedEvent(messageStart), provider.Usage{Input: 2, Output: 1, Model: "c"}},

		{"everything of generate", provider.Gemini, generate, `{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":40,"candidatesTokenCount":20,"totalTokenCount":65,"thoughtsTokenCount":5,"promptTokensDetails":[{"modality":"TEXT","tokenCount":10},{"modality":"AUDIO","tokenCount":18},{"modality":"IMAGE","tokenCount":12}],"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":15},{"modality":"AUDIO","tokenCount":5}],"trafficType":"ON_DEMAND"},"modelVersion":"g"}`,
			provider.Usage{Input: 40, AudioInput: 18, ImageInput: 12, Output: 25, Reasoning: 5, AudioOutput: 5, ImageOutput: 15, Tier: "ON_DEMAND", Model: "g", Complete: true}},
		{"counting by Gemini", provider.Gemini, provider.OpCountTokens, `{"totalTokens":31,"cachedContentTokenCount":4}`, provider.Usage{Complete: true}},
		{"interaction stream", provider.Gemini, provider.OpUnknown, file("gemini/interaction-stream.sse"), provider.Usage{Input: 11, CachedInput: 3, Output: 335, Reasoning: 245, Tier: "standard", Model: "gemini-3.5-flash", Complete: true}},
		{"interaction, continued", provider.Gemini, provider.OpUnknown, strings.Replace(file("gemini/interaction-stream.sse"), "event: interaction.completed", "event: interaction.completed\n"+dataEvent(`{"event_type":"interaction.completed","interaction":{"usage":{"total_input_tokens":1,"total_output_tokens":1}}}`)+"event: interaction.completed", 1), provider.Usage{Input: 11, CachedInput: 3, Output: 335, Reasoning: 245, Tier: "standard", Model: "gemini-3.5-flash", Complete: true}},
		{"interaction", provider.Gemini, provider.OpUnknown, `{"id":"v1","status":"completed","model":"g","usage":{"total_input_tokens":133,"input_tokens_by_modality":[{"modality":"audio","tokens":100}],"total_output_tokens":1567,"output_tokens_by_modality":[{"modality":"image","tokens":1120}],"total_tool_use_tokens":7,"total_tokens":1707,"grounding_tool_count":[{"type":"google_search","count":2}]}}`,
			provider.Usage{Input: 140, AudioInput: 100, Output: 1567, ImageOutput: 1120, WebSearches: 2, Model: "g", Complete: true}},
		{"numbers that overflow", provider.Gemini, generate, `{"usageMetadata":{` + strings.Repeat(`"promptTokenCount":9e15,`, 3000) + `"candidatesTokenCount":1}}`, provider.Usage{Input: 1 << 53, Output: 1, Complete: true}},

		{"compatible chat", provider.Anthropic, chat, file("openai/chat-stream.sse"), provider.Usage{Input: 1024, CachedInput: 896, Output: 7, Model: "gpt-4o-mini-2024-07-18", Complete: true}},

		{"generate stream", provider.Gemini, generate, file("gemini/stream.sse"), provider.Usage{Input: 21, CachedInput: 10, Output: 65, Reasoning: 60, Model: "gemini-3.6-flash", Complete: true}},
		{"generate stream, cut", provider.Gemini, generate, file("gemini/stream.sse")[:300], provider.Usage{Input: 21, Output: 61, Reasoning: 60, Model: "gemini-3.6-flash"}},
		{"generate as an array", provider.Gemini, generate, `[{"usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":1},"modelVersion":"g"}` + "\n,\r\n" + `{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":4,"toolUsePromptTokenCount":3,"totalTokenCount":9}}]`, provider.Usage{Input: 5, Output: 4, Model: "g", Complete: true}},
		{"blocked", provider.Gemini, generate, file("gemini/200-blocked.json"), provider.Usage{Input: 8, Model: "gemini-3.6-flash", Complete: true}},
		{"embeddings say nothing", provider.Gemini, provider.OpEmbeddings, `{"embedding":{"values":[1]}}`, provider.Usage{}},
		{"compatible embeddings", provider.Gemini, provider.OpEmbeddings, `{"model":"e","usage":{"prompt_tokens":8,"total_tokens":8}}`, provider.Usage{Input: 8, Model: "e", Complete: true}},

		{"what is kept is not metered", provider.OpenAI, provider.OpStored, `{"usage":{"input_tokens":9,"output_tokens":3}}`, provider.Usage{}},
		{"listing", provider.OpenAI, provider.OpModels, `{"data":[]}`, provider.Usage{Complete: true}},
		{"nothing", provider.OpenAI, chat, "", provider.Usage{}},
		{"binary", provider.OpenAI, chat, "\x00\x01usage", provider.Usage{}},
		{"cut JSON", provider.OpenAI, chat, `{"model":"m","usage":{"prompt_tokens":9}`, provider.Usage{}},
	}
}

func withoutNames(stream string) string {
	var out strings.Builder
	for line := range strings.Lines(stream) {
		if !strings.HasPrefix(line, "event:") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestUsage(t *testing.T) {
	for _, c := range metered(t) {
		t.Run(c.name, func(t *testing.T) {
			m := meter(c.p, c.kind, c.body)
			assert.Equal(t, c.want, m.Usage())
			assert.Equal(t, c.want, m.Usage(), "asking again changes nothing")
			assert.Equal(t, c.want.Input+c.want.Output, c.want.Total())
		})
	}
}

// However a stream is framed and split, it says the same. Usage is asked for
// in between as well.
func TestStreamForms(t *testing.T) {
	forms := map[string]func(string) string{
		"as it is": func(s string) string { return s },
		"CRLF":     func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"CR":       func(s string) string { return strings.ReplaceAll(s, "\n", "\r") },
		"mixed": func(s string) string {
			return strings.Replace(strings.ReplaceAll(s, "\n\n", "\r\r\n"), "\n", "\r\n", 1)
		},
		"no space":    func(s string) string { return strings.ReplaceAll(s, "data: ", "data:") },
		"BOM":         func(s string) string { return "\xef\xbb\xbf" + s },
		"blank lines": func(s string) string { return "\n\n\n" + s },
		"comments": func(s string) string {
			return ": one\n\n" + strings.ReplaceAll(s, "data:", ": OPENROUTER PROCESSING\ndata:")
		},
		"ids":       func(s string) string { return strings.ReplaceAll(s, "data:", "id: 7\nretry: 5\nunknown\ndata:") },
		"two lines": func(s string) string { return strings.ReplaceAll(s, `,"usage"`, ",\ndata: \"usage\"") },
		"two lines, CRLF": func(s string) string {
			return strings.ReplaceAll(strings.ReplaceAll(s, `,"usage"`, ",\ndata: \"usage\""), "\n", "\r\n")
		},
		"end cut off":   func(s string) string { return strings.TrimRight(s, "\n") },
		"one line feed": func(s string) string { return strings.TrimRight(s, "\n") + "\n" },
	}
	for _, c := range metered(t) {
		if !strings.Contains(c.body, "data:") {
			continue
		}
		for name, form := range forms {
			body := form(c.body)
			for _, step := range []int{1, 2, 3, 7, 64, len(body)} {
				m := c.p.API.NewMeter(provider.Operation{Kind: c.kind}, headers("Content-Type", "application/json"))
				for from := 0; from < len(body); from += step {
					piece := []byte(body[from:min(from+step, len(body))])
					n, err := m.Write(piece)
					require.NoError(t, err)
					require.Equal(t, len(piece), n)
					clear(piece) // a meter keeps nothing of what it is given
					if from%97 == 0 {
						m.Usage()
					}
				}
				require.Equal(t, c.want, m.Usage(), "%s, %s, by %d", c.name, name, step)
			}
		}
	}
}

// TestFailures finds errors inside good answers.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		p     *provider.Provider
		kind  provider.OperationKind
		body  string
		class provider.Class
		code  string
	}{
		{provider.OpenAI, chat, string(fixture(t, "openai/chat-stream-error.sse")), transient, "server_error"},
		{provider.OpenAI, responses, string(fixture(t, "openai/responses-failed.sse")), transient, "server_error"},
		{provider.OpenAI, responses, string(fixture(t, "openai/responses-error-event.sse")), rate, "rate_limit_exceeded"},
		{provider.OpenAI, responses, withoutNames(string(fixture(t, "openai/responses-error-event.sse"))), rate, "rate_limit_exceeded"},
		{provider.OpenAI, responses, string(fixture(t, "openai/responses-overloaded.sse")), overloaded, "server_is_overloaded"},
		{provider.OpenAI, responses, withoutNames(string(fixture(t, "openai/responses-overloaded.sse"))), overloaded, "server_is_overloaded"},
		{provider.OpenAI, chat, ": OPENROUTER PROCESSING\n\n" + `data: {"error":{"code":429,"message":"Rate limit exceeded"},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}` + "\n\n", rate, "429"},
		{provider.OpenAI, chat, `{"choices":[{"index":0,"finish_reason":"error","error":{"code":502,"message":"Provider disconnected"}}]}`, transient, "502"},
		{provider.OpenAI, chat, `{"error":{"type":"server_error","message":"x"}}`, transient, "server_error"},
		{provider.OpenAI, chat, string(fixture(t, "openrouter/200-provider-gone.json")), transient, "provider_unavailable"},
		{provider.OpenAI, chat, string(fixture(t, "openrouter/stream-error.sse")), rate, "rate_limit_exceeded"},
		{provider.OpenAI, chat, string(fixture(t, "minimax/200-insufficient-balance.json")), transient, "1008"},
		{provider.OpenAI, chat, string(fixture(t, "minimax/stream-rate-limit.sse")), transient, "1002"},
		{provider.OpenAI, chat, string(fixture(t, "groq/stream-error.sse")), transient, "over_capacity"},
		{provider.OpenAI, chat, string(fixture(t, "vllm/stream-error.sse")), transient, "InternalServerError"},
		{provider.OpenAI, chat, string(fixture(t, "ollama/stream-error.ndjson")), transient, ""},
		{provider.OpenAI, chat, `{"error":"Unauthorized"}`, transient, ""},
		{provider.OpenAI, chat, `[{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}]`, rate, "RESOURCE_EXHAUSTED"},
		{provider.OpenAI, chat, chatDelta(`{"content":"Hi"}`) + dataEvent(`{"id":"c","choices":[{"index":0,"delta":{"content":" there"},"finish_reason":null}],"usage":null,"error":{"message":"x","type":"server_error"}}`), transient, "server_error"},
		{provider.OpenAI, responses, dataEvent(`{"sequence_number":1,"code":"rate_limit_exceeded","message":"x","type":"error","param":null}`), rate, "rate_limit_exceeded"},
		{provider.Gemini, provider.OpUnknown, "event: error\n" + dataEvent(string(fixture(t, "gemini/200-interactions-error.json"))), provider.ClassInvalidRequest, "not_found"},
		{provider.Anthropic, messages, string(fixture(t, "anthropic/stream-overloaded.sse")), overloaded, "overloaded_error"},
		{provider.Anthropic, messages, withoutNames(string(fixture(t, "anthropic/stream-overloaded.sse"))), overloaded, "overloaded_error"},
		{provider.Anthropic, messages, string(fixture(t, "anthropic/200-refusal.json")), policy, "refusal"},
		{provider.Anthropic, messages, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\"},\"usage\":{\"output_tokens\":1}}\n\n", policy, "refusal"},
		{provider.Gemini, generate, `data: {"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}` + "\n\n", overloaded, "UNAVAILABLE"},
		{provider.Gemini, generate, "data: {\"modelVersion\":\"g\"}\n\n{\n  \"error\": {\n    \"code\": 503,\n    \"status\": \"UNAVAILABLE\"\n  }\n}\n", overloaded, "UNAVAILABLE"},
		{provider.Gemini, generate, `[{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}]`, rate, "RESOURCE_EXHAUSTED"},
		{provider.Gemini, generate, string(fixture(t, "gemini/200-blocked.json")), policy, "PROHIBITED_CONTENT"},
		{provider.Gemini, generate, `data: {"candidates":[{"finishReason":"SAFETY"}],"modelVersion":"g"}` + "\n\n", policy, "SAFETY"},
	} {
		m := meter(c.p, c.kind, c.body)
		v, failed := failure(m)
		if assert.True(t, failed, c.body) {
			assert.Equal(t, c.class.String(), v.Class.String(), c.body)
			assert.Equal(t, c.code, v.Code, c.body)
		}
		assert.Equal(t, c.class == policy && c.p != provider.Anthropic || strings.Contains(c.body, `"stop_details"`), ended(m), c.body)
	}
	for _, c := range metered(t) {
		if _, failed := failure(meter(c.p, c.kind, c.body)); failed {
			assert.Contains(t, []string{"refusal", "blocked", "no images"}, c.name)
		}
	}
}

// Content may speak of errors, usage and the end without meaning them.
func TestContentIsNotRead(t *testing.T) {
	const text = `data: [DONE] \"error\":{\"message\":\"x\"} \"usage\":{\"prompt_tokens\":9} "`
	for _, body := range []string{
		`data: {"choices":[{"delta":{"content":"` + text + `}}],"usage":null}` + "\n\n",
		`data: {"choices":[{"delta":{"content":"error"}}]}` + "\n\n",
		`data: {"choices":[],"error":{},"x":"usage"}` + "\n\n",
		`data: {"choices":[],"error":""}` + "\n\n",
		`data: {"error":{"message":"cut off` + "\n\n",
		`{"choices":[{"message":{"content":"` + text + `}}]}`,
		`data: {"type":"content_block_delta","delta":{"text":"` + text + `}}` + "\n\n",
		`data: {"candidates":[{"content":{"parts":[{"text":"` + text + `}]}}]}` + "\n\n",
	} {
		for _, p := range []*provider.Provider{provider.OpenAI, provider.Anthropic, provider.Gemini} {
			m := meter(p, provider.OpUnknown, body)
			_, failed := failure(m)
			assert.False(t, failed, body)
			assert.Equal(t, provider.Usage{}, m.Usage(), body)
		}
	}
}

// A header decides only whether there is anything to read at all.
func TestMeterByHeader(t *testing.T) {
	body := []byte(`{"usage":{"prompt_tokens":9,"completion_tokens":1}}`)
	for contentType, read := range map[string]bool{
		"application/json": true, "text/event-stream; charset=utf-8": true, "text/plain": true, "": true,
		"audio/mpeg": false, "image/png": false, "application/octet-stream": false,
	} {
		m := provider.OpenAI.API.NewMeter(provider.Operation{Kind: chat}, headers("Content-Type", contentType))
		_, _ = m.Write(body)
		assert.Equal(t, read, m.Usage().Input == 9, contentType)
	}
	m := provider.OpenAI.API.NewMeter(provider.Operation{Kind: chat}, headers("Content-Encoding", "gzip"))
	_, _ = m.Write(body)
	assert.Zero(t, m.Usage())
}

// Of what is longer than the bound the end is read, and what follows as ever.
func TestLongBodies(t *testing.T) {
	const usage = `"usage":{"prompt_tokens":9,"completion_tokens":1}}`
	long := strings.Repeat("x", 20<<20)
	want := provider.Usage{Input: 9, Output: 1, Complete: true}
	done := "data: {\"choices\":[]," + usage + "\n\ndata: [DONE]\n\n"
	response := "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":\"" + long + "\",\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n"
	for name, c := range map[string]struct {
		body string
		want provider.Usage
	}{
		"document":                {`{"data":"` + long + `",` + usage, want},
		"document, usage first":   {`{` + usage[:len(usage)-1] + `,"data":"` + long + `"}`, provider.Usage{}},
		"document, cut":           {`{"data":"` + long, provider.Usage{}},
		"event, then usage":       {"data: {\"b64\":\"" + long + "\"}\n\n" + done, want},
		"comment, then usage":     {": " + long + "\n\n" + done, want},
		"many lines, then usage":  {strings.Repeat("data: "+long[:1000]+"\n", 2000) + "\n" + done, want},
		"usage at an event's end": {response, want},
		"event without an end":    {"data: {\"b64\":\"" + long, provider.Usage{}},
	} {
		body := []byte(c.body)
		for _, step := range []int{4096, 300_000, 1 << 30} {
			m := provider.OpenAI.API.NewMeter(provider.Operation{Kind: responses}, http.Header{})
			for from := 0; from < len(body); from += step {
				_, _ = m.Write(body[from:min(from+step, len(body))])
			}
			assert.Equal(t, c.want, m.Usage(), "%s by %d", name, step)
		}
	}
}

// The same holds for the other APIs.
func TestLongBodiesElsewhere(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	for _, c := range []struct {
		p    *provider.Provider
		body string
		want provider.Usage
	}{
		{provider.Anthropic, `{"content":"` + long + `","usage":{"input_tokens":2,"output_tokens":3}}`, provider.Usage{Input: 2, Output: 3, Complete: true}},
		{provider.Anthropic, "event: message_start\ndata: {\"type\":\"message_start\",\"x\":\"" + long + "\",\"usage\":{\"input_tokens\":2,\"output_tokens\":3}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", provider.Usage{Input: 2, Output: 3, Complete: true}},
		{provider.Gemini, `{"candidates":"` + long + `","usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":3}}`, provider.Usage{Input: 2, Output: 3, Complete: true}},
		{provider.Gemini, `data: {"candidates":"` + long + `","usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":3}}` + "\n\n", provider.Usage{Input: 2, Output: 3}},
		{provider.Gemini, `[{"candidates":"` + long + `"}`, provider.Usage{}},
		{provider.Gemini, `[{"candidates":"` + long + `"},{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":2}}]`, provider.Usage{Input: 2, Complete: true}},
		{provider.Gemini, `{"steps":"` + long + `","usage":{"total_input_tokens":2,"total_output_tokens":3}}`, provider.Usage{Input: 2, Output: 3, Complete: true}},
		{provider.OpenAI, `{"response":"` + long + `","done":false}` + "\n" + `{"response":"","done":true,"eval_count":3}`, provider.Usage{Output: 3, Complete: true}},
		{provider.OpenAI, `{"usage":{"prompt_tokens":2},"data":"` + long + `","usage":{"prompt_tokens":3},`, provider.Usage{Input: 3}}, // cut
	} {
		assert.Equal(t, c.want, meter(c.p, provider.OpUnknown, c.body).Usage(), c.body[:40])
	}
}

// Pictures are counted however large they are.
func TestLongImages(t *testing.T) {
	picture := `{"b64_json":"` + strings.Repeat("iVBO", 1<<20) + `"}`
	body := `{"created":1,"data":[` + picture + "," + picture + `],"usage":{"input_tokens":2,"output_tokens":3,"total_tokens":5}}`
	for _, step := range []int{4096, 1 << 30} {
		r := meterReads(provider.OpenAI, provider.OpImages, http.Header{}, []byte(body), step)
		assert.Equal(t, meterReading{usage: provider.Usage{Input: 2, Output: 3, Images: 2, Complete: true}, ended: true, content: true}, r)
	}
	stream := namedEvent(`{"type":"image_generation.completed","b64_json":"` + strings.Repeat("iVBO", 1<<20) + `","usage":{"input_tokens":2,"output_tokens":3}}`)
	assert.Equal(t, provider.Usage{Input: 2, Output: 3, Images: 1, Complete: true}, meter(provider.OpenAI, provider.OpImages, stream).Usage())
}

// At the bounds themselves the split into writes plays no part either.
func TestBoundsAndSplits(t *testing.T) {
	for _, size := range []int{64 << 10, 448 << 10, 1 << 20} {
		for off := -60; off <= 10; off += 7 {
			fill := strings.Repeat("x", size+off)
			for _, body := range []string{
				"data: {\"b\":\"" + fill + "\",\"usage\":{\"prompt_tokens\":1}}\n\ndata: [DONE]\n\n",
				"data: {\"b\":\"" + fill + "\",\ndata: \"usage\":{\"prompt_tokens\":1}}\n\n",
				": " + fill + "\ndata: {\"usage\":{\"prompt_tokens\":1}}\n\n",
				`{"b":"` + fill + `","usage":{"prompt_tokens":1}}`,
			} {
				want := meter(provider.OpenAI, chat, body)
				for _, step := range []int{997, 4096, 200_000} {
					m := provider.OpenAI.API.NewMeter(provider.Operation{Kind: chat}, http.Header{})
					for from := 0; from < len(body); from += step {
						_, _ = m.Write([]byte(body[from:min(from+step, len(body))]))
					}
					require.Equal(t, want.Usage(), m.Usage(), "%.12s %d%+d by %d", body, size, off, step)
				}
			}
		}
	}
}

// The meter's own allocations stay bounded, however long the body is.
func TestMeterIsBounded(t *testing.T) {
	piece := []byte(strings.Repeat("x", 4096))
	for _, start := range []string{`{"data":"`, `[{"data":"`, "{}{", "data: ", ": ", "data: x\ndata: ", "event: "} {
		m := provider.OpenAI.API.NewMeter(provider.Operation{Kind: chat}, http.Header{})
		grown := allocated(func() {
			_, _ = m.Write([]byte(messageStart))
			for range 64 << 20 / len(piece) {
				_, _ = m.Write(piece)
			}
		})
		assert.Less(t, grown, uint64(4<<20), "%q: all that was allocated, garbage included", start)
		runtime.KeepAlive(m)
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// ExampleMeter shows a stream being metered as it passes by.
func ExampleMeter() {
	m := provider.Anthropic.API.NewMeter(provider.Operation{Kind: provider.OpMessages}, http.Header{})
	for _, piece := range []string{
		"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-opus-5\",",
		"\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":20,\"output_tokens\":1}}}\n\n",
		"event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":15}}\n\n",
		"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
	} {
		_, _ = m.Write([]byte(piece))
	}
	u := m.Usage()
	fmt.Println(u.Model, u.Input, u.CachedInput, u.Output, u.Total(), u.Complete)
	// Output: claude-opus-5 25 20 15 40 true
}
