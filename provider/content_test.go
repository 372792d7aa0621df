package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// content is one of the optional methods of the meters.
func content(m provider.Meter) bool { return m.(interface{ Content() bool }).Content() }

// A contentCase is the head of an answer, cut so that the last piece is the
// first with content.
type contentCase struct {
	name   string
	p      *provider.Provider
	kind   provider.OperationKind
	pieces []string
}

// data makes an unnamed event, and named one with the name that its type is.
func data(json string) string { return "data: " + json + "\n\n" }

func named(json string) string {
	_, rest, _ := strings.Cut(json, `"type":"`)
	name, _, _ := strings.Cut(rest, `"`)
	return "event: " + name + "\n" + data(json)
}

// delta is a chunk of chat with that delta.
func delta(json string) string {
	return data(`{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":` + json + `,"finish_reason":null}],"usage":null}`)
}

// parts is a chunk of Gemini's with those parts.
func parts(json string) string {
	return data(`{"candidates":[{"content":{"role":"model","parts":` + json + `},"index":0}],"usageMetadata":{"promptTokenCount":2},"modelVersion":"g"}`)
}

const (
	created    = `{"type":"response.created","response":{"id":"r","status":"in_progress","instructions":"Say it","output":[],"usage":null}}`
	inProgress = `{"type":"response.in_progress","response":{"id":"r","status":"in_progress","instructions":"Say it","output":[],"usage":null}}`
	itemAdded  = `{"type":"response.output_item.added","output_index":0,"item":{"id":"i","type":"message","status":"in_progress","role":"assistant","content":[]}}`
	partAdded  = `{"type":"response.content_part.added","item_id":"i","part":{"type":"output_text","text":"","annotations":[]}}`
	start      = `{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"model":"c","usage":{"input_tokens":2,"output_tokens":1}}}`
	ping       = `{"type":"ping"}`
)

var chatHead = ": keep-alive\n\n" +
	data(`{"id":"","model":"","choices":[],"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false}}}]}`) +
	delta(`{"role":"assistant"}`) + delta(`{"role":"assistant","content":""}`) + delta(`{"content":null,"refusal":null}`) + delta(`{}`)

var contentCases = []contentCase{
	{"text", provider.OpenAI, chat, []string{chatHead, delta(`{"content":"Hi"}`)}},
	{"white space is text", provider.OpenAI, chat, []string{chatHead, delta(`{"content":"\n"}`)}},
	{"reasoning_content", provider.OpenAI, chat, []string{chatHead + delta(`{"reasoning_content":""}`), delta(`{"content":null,"reasoning_content":"So"}`)}},
	{"reasoning", provider.OpenAI, chat, []string{chatHead, delta(`{"content":"","reasoning":"So"}`)}},
	{"refusal", provider.OpenAI, chat, []string{chatHead, delta(`{"refusal":"No"}`)}},
	{"parts of text", provider.OpenAI, chat, []string{chatHead + delta(`{"content":[]}`), delta(`{"content":[{"type":"text","text":"Hi"}]}`)}},
	{"arguments", provider.OpenAI, chat, []string{chatHead + delta(`{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}]}`), delta(`{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}`)}},
	{"a call without arguments", provider.OpenAI, chat, []string{chatHead + delta(`{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}]}`), data(`{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`)}},
	{"the old call", provider.OpenAI, chat, []string{chatHead + delta(`{"function_call":{"name":"f","arguments":""}}`), delta(`{"function_call":{"arguments":"{"}}`)}},
	{"sound", provider.OpenAI, chat, []string{chatHead + delta(`{"audio":{"id":"a","transcript":""}}`), delta(`{"audio":{"data":"UklG"}}`)}},
	{"a picture", provider.OpenAI, chat, []string{chatHead + delta(`{"images":[]}`), delta(`{"images":[{"type":"image_url"}]}`)}},
	{"another choice", provider.OpenAI, chat, []string{chatHead, data(`{"choices":[{"index":1,"delta":{"content":""}},{"index":0,"delta":{"content":"Hi"}}]}`)}},
	{"the end without content", provider.OpenAI, chat, []string{chatHead + data(`{"choices":[],"usage":{"prompt_tokens":1}}`), "data: [DONE]\n\n"}},
	{"completions", provider.OpenAI, provider.OpCompletions, []string{data(`{"choices":[{"text":"","index":0,"finish_reason":null}]}`), data(`{"choices":[{"text":"Hi","index":0,"finish_reason":null}]}`)}},

	{"response's text", provider.OpenAI, responses, []string{named(created) + named(inProgress) + named(`{"type":"response.queued"}`) + named(itemAdded) + named(partAdded) + named(`{"type":"response.output_text.delta","delta":""}`), named(`{"type":"response.output_text.delta","item_id":"i","delta":"Hi"}`)}},
	{"without names", provider.OpenAI, responses, []string{data(created) + data(inProgress) + data(itemAdded) + data(partAdded), data(`{"type":"response.output_text.delta","item_id":"i","delta":"Hi"}`)}},
	{"types that stand last", provider.OpenAI, responses, []string{data(`{"response":{"output":[{"x":1}]},"type":"response.created"}`) + data(`{"item":{"content":[]},"type":"response.output_item.added"}`), data(`{"delta":"Hi","type":"response.output_text.delta"}`)}},
	{"response's reasoning", provider.OpenAI, responses, []string{named(created) + named(`{"type":"response.output_item.added","item":{"id":"i","type":"reasoning","summary":[],"encrypted_content":"gAAA"}}`), named(`{"type":"response.reasoning_summary_text.delta","delta":"So"}`)}},
	{"response's call", provider.OpenAI, responses, []string{named(created) + named(`{"type":"response.output_item.added","item":{"id":"i","type":"function_call","name":"f","arguments":"","call_id":"c"}}`), named(`{"type":"response.function_call_arguments.delta","delta":"{"}`)}},
	{"an item with payload", provider.OpenAI, responses, []string{named(created), named(`{"type":"response.output_item.added","item":{"id":"i","type":"message","content":[{"type":"output_text","text":"Hi"}]}}`)}},
	{"response's picture", provider.OpenAI, responses, []string{named(created) + named(`{"type":"response.image_generation_call.in_progress","item_id":"i"}`) + named(`{"type":"response.image_generation_call.generating","item_id":"i"}`), named(`{"type":"response.image_generation_call.partial_image","partial_image_b64":"iVBO"}`)}},
	{"a tool that failed", provider.OpenAI, responses, []string{named(created) + named(`{"type":"response.mcp_call.failed","item_id":"i","output_index":0}`), named(`{"type":"response.output_text.delta","delta":"Hi"}`)}},
	{"response without content", provider.OpenAI, responses, []string{named(created) + named(itemAdded), named(`{"type":"response.incomplete","response":{"status":"incomplete","output":[],"usage":null}}`)}},
	{"an echo of 600 KB", provider.OpenAI, responses, []string{named(strings.Replace(created, "Say it", strings.Repeat("Say it", 100_000), 1)), named(`{"type":"response.output_text.delta","delta":"Hi"}`)}},
	{"images", provider.OpenAI, provider.OpImages, []string{": ping\n\n", named(`{"type":"image_generation.partial_image","b64_json":"` + strings.Repeat("iVBO", 200_000) + `"}`)}},
	{"speech", provider.OpenAI, provider.OpAudio, []string{"", named(`{"type":"speech.audio.delta","audio":"UklG"}`)}},
	{"transcription", provider.OpenAI, provider.OpAudio, []string{named(`{"type":"transcript.text.delta","delta":""}`), named(`{"type":"transcript.text.delta","delta":"I see"}`)}},

	{"message's text", provider.Anthropic, messages, []string{named(start) + named(ping) + named(`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`) + named(ping) + named(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}`), named(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}`)}},
	{"message's text, without names", provider.Anthropic, messages, []string{data(start) + data(ping) + data(`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`), data(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}`)}},
	{"thinking", provider.Anthropic, messages, []string{named(start) + named(`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`), named(`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"So"}}`)}},
	{"a signature is none", provider.Anthropic, messages, []string{named(start) + named(`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}`) + named(`{"type":"content_block_stop","index":0}`), named(`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi"}}`)}},
	{"a tool's input", provider.Anthropic, messages, []string{named(start) + named(`{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}`) + named(`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}`), named(`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}`)}},
	{"message without content", provider.Anthropic, messages, []string{named(start), named(`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}`)}},
	{"message's end", provider.Anthropic, messages, []string{named(start) + named(`{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":1}}`), named(`{"type":"message_stop"}`)}},
	{"the old completions", provider.Anthropic, provider.OpCompletions, []string{named(`{"type":"completion","completion":"","stop_reason":null}`), named(`{"type":"completion","completion":" Hi","stop_reason":null}`)}},

	{"parts", provider.Gemini, generate, []string{parts(`[]`) + parts(`[{"text":""}]`) + parts(`[{"text":"","thoughtSignature":"Cs"}]`) + data(`{"usageMetadata":{"promptTokenCount":2}}`), parts(`[{"text":"Hi"}]`)}},
	{"thoughts", provider.Gemini, generate, []string{parts(`[]`), parts(`[{"text":"So","thought":true}]`)}},
	{"a function", provider.Gemini, generate, []string{parts(`[]`), parts(`[{"functionCall":{"name":"f","args":{}}}]`)}},
	{"a picture inline", provider.Gemini, generate, []string{parts(`[]`), parts(`[{"inlineData":{"mimeType":"image/png","data":"iVBO"}}]`)}},
	{"the last chunk", provider.Gemini, generate, []string{parts(`[]`), data(`{"candidates":[{"finishReason":"MAX_TOKENS","index":0}],"modelVersion":"g"}`)}},
	{"an array", provider.Gemini, generate, []string{`[{"candidates":[{"content":{"parts":[{"text":""}]}}]}` + "\n,\r\n", `{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]}`}},
	{"an interaction", provider.Gemini, provider.OpUnknown, []string{"event: interaction.created\n" + data(`{"interaction":{"id":"i","status":"in_progress"},"event_type":"interaction.created"}`) + "event: step.start\n" + data(`{"index":0,"step":{"type":"model_output"},"event_type":"step.start"}`), "event: step.delta\n" + data(`{"index":0,"delta":{"type":"text","text":"Hi"},"event_type":"step.delta"}`)}},

	{"lines", provider.OpenAI, chat, []string{`{"model":"g","message":{"role":"assistant","content":""},"done":false}` + "\n", `{"model":"g","message":{"role":"assistant","content":"Hi"},"done":false}`}},
	{"lines of thinking", provider.OpenAI, chat, []string{`{"model":"g","response":"","done":false}` + "\n", `{"model":"g","response":"","thinking":"So","done":false}`}},
	{"the last line", provider.OpenAI, chat, []string{`{"model":"g","response":"","done":false}` + "\n", `{"model":"g","response":"","done":true}`}},

	{"a document", provider.OpenAI, chat, []string{"\n\n\n", `{"choices":[{"message":{"content":"Hi"}}]}`}},
	{"a message", provider.Anthropic, messages, []string{"", `{"type":"message","content":[{"type":"text","text":"Hi"}]}`}},
	{"a long document", provider.Gemini, generate, []string{"\r\n", `{"candidates":["` + strings.Repeat("x", 64<<10-16) + "x"}},
	{"text", provider.OpenAI, provider.OpAudio, []string{"\n", "I"}},
	{"text like a field", provider.OpenAI, provider.OpAudio, []string{"data", " "}},
	{"what is kept", provider.OpenAI, provider.OpFiles, []string{"", "{"}},
}

// TestContent knows the byte with which content has begun, however an answer
// is split.
func TestContent(t *testing.T) {
	for _, c := range contentCases {
		t.Run(c.p.Name+" "+c.name, func(t *testing.T) {
			require.Len(t, c.pieces, 2)
			whole := c.pieces[0] + c.pieces[1]
			for _, step := range []int{1, 2, 7, 100, len(whole)} {
				if step < 100 && len(whole) > 200_000 {
					continue
				}
				m := c.p.API.NewMeter(provider.Operation{Kind: c.kind}, http.Header{})
				require.False(t, content(m))
				for from := 0; from < len(whole); from += step {
					to := min(from+step, len(whole))
					_, _ = m.Write([]byte(whole[from:to]))
					require.Equal(t, to == len(whole), content(m), "by %d, after %q", step, whole[max(0, to-100):to])
				}
				_, failed := failure(m)
				require.False(t, failed)
				_, _ = m.Write([]byte("data: {}\n\ndata: {\"error\":{\"message\":\"x\"}}\n\n"))
				require.True(t, content(m), "it stays so")
			}
		})
	}
}

// In fixtures of whole streams it is this event, counted from one; none where
// the answer failed before.
func TestContentOfFixtures(t *testing.T) {
	for file, want := range map[string]int{
		"openai/chat-stream.sse":                1,
		"openai/chat-stream-error.sse":          0,
		"openai/responses-failed.sse":           0,
		"openai/responses-error-event.sse":      0,
		"openai/responses-overloaded.sse":       0,
		"openai/responses-completed.sse":        1,
		"anthropic/stream.sse":                  4,
		"anthropic/stream-nulls.sse":            2,
		"anthropic/stream-overloaded.sse":       0,
		"gemini/stream.sse":                     1,
		"gemini/interaction-stream.sse":         3,
		"moonshot/stream-usage.sse":             1,
		"groq/stream-usage.sse":                 2,
		"groq/stream-error.sse":                 0,
		"openrouter/stream-usage.sse":           4,
		"openrouter/stream-error.sse":           0,
		"minimax/stream-rate-limit.sse":         0,
		"vllm/stream-continuous-usage.sse":      2,
		"vllm/stream-error.sse":                 0,
		"openrouter/200-choice-error.json":      0,
		"anthropic/200-refusal.json":            1, // it ends the answer
		"minimax/200-insufficient-balance.json": 0,
	} {
		m := of(file).API.NewMeter(provider.Operation{}, http.Header{})
		got := 0
		for i, event := range strings.SplitAfter(string(fixture(t, file)), "\n\n") {
			_, _ = m.Write([]byte(event))
			if content(m) && got == 0 {
				got = i + 1
			}
		}
		assert.Equal(t, want, got, file)
	}
}

// of returns the provider that speaks as a fixture does.
func of(file string) *provider.Provider {
	dir, _, _ := strings.Cut(file, "/")
	switch dir {
	case "anthropic":
		return provider.Anthropic
	case "gemini":
		return provider.Gemini
	}
	return provider.OpenAI
}

// What the header says is not to be read is content from its first byte.
func TestContentByHeader(t *testing.T) {
	for _, h := range []http.Header{headers("Content-Type", "Audio/MPEG"), headers("Content-Encoding", "gzip")} {
		m := provider.OpenAI.API.NewMeter(provider.Operation{Kind: provider.OpAudio}, h)
		_, _ = m.Write(nil)
		assert.False(t, content(m))
		_, _ = m.Write([]byte("\n"))
		assert.True(t, content(m))
	}
	m := provider.OpenAI.API.NewMeter(provider.Operation{Kind: chat}, headers("Content-Type", "text/event-stream"))
	_, _ = m.Write([]byte("x-field: 1\n" + chatHead))
	assert.False(t, content(m), "a stream, whatever it starts with")
	_, _ = m.Write([]byte(delta(`{"content":"Hi"}`)))
	assert.True(t, content(m))
}

// Once content was seen, an event costs no allocation to find it again; nor
// does one that is neutral to the key search.
func TestContentCostsNothing(t *testing.T) {
	m := provider.OpenAI.API.NewMeter(provider.Operation{Kind: chat}, http.Header{})
	event := []byte(delta(`{"content":"Hi"}`))
	_, _ = m.Write(event)
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = m.Write(event); content(m) }))
}
