package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// hasContent is one of the optional methods of the meters.
func hasContent(m provider.Meter) bool { return m.(interface{ Content() bool }).Content() }

// A contentCase is the head of an answer, cut so that the last piece is the
// first with content.
type contentCase struct {
	name   string
	p      *provider.Provider
	kind   provider.OperationKind
	pieces []string
}

// dataEvent makes an unnamed event, and namedEvent one with the name that its type is.
func dataEvent(json string) string { return "data: " + json + "\n\n" }

func namedEvent(json string) string {
	_, rest, _ := strings.Cut(json, `"type":"`)
	name, _, _ := strings.Cut(rest, `"`)
	return "event: " + name + "\n" + dataEvent(json)
}

// chatDelta is a chunk of chat with that delta.
func chatDelta(json string) string {
	return dataEvent(`{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":` + json + `,"finish_reason":null}],"usage":null}`)
}

// geminiParts is a chunk of Gemini's with those parts.
func geminiParts(json string) string {
	return dataEvent(`{"candidates":[{"content":{"role":"model","parts":` + json + `},"index":0}],"usageMetadata":{"promptTokenCount":2},"modelVersion":"g"}`)
}

const (
	responseCreated    = `{"type":"response.created","response":{"id":"r","status":"in_progress","instructions":"Say it","output":[],"usage":null}}`
	responseInProgress = `{"type":"response.in_progress","response":{"id":"r","status":"in_progress","instructions":"Say it","output":[],"usage":null}}`
	responseItemAdded  = `{"type":"response.output_item.added","output_index":0,"item":{"id":"i","type":"message","status":"in_progress","role":"assistant","content":[]}}`
	responsePartAdded  = `{"type":"response.content_part.added","item_id":"i","part":{"type":"output_text","text":"","annotations":[]}}`
	messageStart       = `{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"model":"c","usage":{"input_tokens":2,"output_tokens":1}}}`
	pingEvent          = `{"type":"ping"}`
)

var chatHead = ": keep-alive\n\n" +
	dataEvent(`{"id":"","model":"","choices":[],"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false}}}]}`) +
	chatDelta(`{"role":"assistant"}`) + chatDelta(`{"role":"assistant","content":""}`) + chatDelta(`{"content":null,"refusal":null}`) + chatDelta(`{}`)

var contentCases = []contentCase{
	{"text", provider.OpenAI, chat, []string{chatHead, chatDelta(`{"content":"Hi"}`)}},
	{"white space is text", provider.OpenAI, chat, []string{chatHead, chatDelta(`{"content":"\n"}`)}},
	{"reasoning_content", provider.OpenAI, chat, []string{chatHead + chatDelta(`{"reasoning_content":""}`), chatDelta(`{"content":null,"reasoning_content":"So"}`)}},
	{"reasoning", provider.OpenAI, chat, []string{chatHead, chatDelta(`{"content":"","reasoning":"So"}`)}},
	{"refusal", provider.OpenAI, chat, []string{chatHead, chatDelta(`{"refusal":"No"}`)}},
	{"parts of text", provider.OpenAI, chat, []string{chatHead + chatDelta(`{"content":[]}`), chatDelta(`{"content":[{"type":"text","text":"Hi"}]}`)}},
	{"arguments", provider.OpenAI, chat, []string{chatHead + chatDelta(`{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}]}`), chatDelta(`{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}`)}},
	{"a call without arguments", provider.OpenAI, chat, []string{chatHead + chatDelta(`{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}]}`), dataEvent(`{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`)}},
	{"the old call", provider.OpenAI, chat, []string{chatHead + chatDelta(`{"function_call":{"name":"f","arguments":""}}`), chatDelta(`{"function_call":{"arguments":"{"}}`)}},
	{"sound", provider.OpenAI, chat, []string{chatHead + chatDelta(`{"audio":{"id":"a","transcript":""}}`), chatDelta(`{"audio":{"data":"UklG"}}`)}},
	{"a picture", provider.OpenAI, chat, []string{chatHead + chatDelta(`{"images":[]}`), chatDelta(`{"images":[{"type":"image_url"}]}`)}},
	{"another choice", provider.OpenAI, chat, []string{chatHead, dataEvent(`{"choices":[{"index":1,"delta":{"content":""}},{"index":0,"delta":{"content":"Hi"}}]}`)}},
	{"the end without content", provider.OpenAI, chat, []string{chatHead + dataEvent(`{"choices":[],"usage":{"prompt_tokens":1}}`), "data: [DONE]\n\n"}},
	{"completions", provider.OpenAI, provider.OpCompletions, []string{dataEvent(`{"choices":[{"text":"","index":0,"finish_reason":null}]}`), dataEvent(`{"choices":[{"text":"Hi","index":0,"finish_reason":null}]}`)}},

	{"response's text", provider.OpenAI, responses, []string{namedEvent(responseCreated) + namedEvent(responseInProgress) + namedEvent(`{"type":"response.queued"}`) + namedEvent(responseItemAdded) + namedEvent(responsePartAdded) + namedEvent(`{"type":"response.output_text.delta","delta":""}`), namedEvent(`{"type":"response.output_text.delta","item_id":"i","delta":"Hi"}`)}},
	{"without names", provider.OpenAI, responses, []string{dataEvent(responseCreated) + dataEvent(responseInProgress) + dataEvent(responseItemAdded) + dataEvent(responsePartAdded), dataEvent(`{"type":"response.output_text.delta","item_id":"i","delta":"Hi"}`)}},
	{"types that stand last", provider.OpenAI, responses, []string{dataEvent(`{"response":{"output":[{"x":1}]},"type":"response.created"}`) + dataEvent(`{"item":{"content":[]},"type":"response.output_item.added"}`), dataEvent(`{"delta":"Hi","type":"response.output_text.delta"}`)}},
	{"response's reasoning", provider.OpenAI, responses, []string{namedEvent(responseCreated) + namedEvent(`{"type":"response.output_item.added","item":{"id":"i","type":"reasoning","summary":[],"encrypted_content":"gAAA"}}`), namedEvent(`{"type":"response.reasoning_summary_text.delta","delta":"So"}`)}},
	{"response's call", provider.OpenAI, responses, []string{namedEvent(responseCreated) + namedEvent(`{"type":"response.output_item.added","item":{"id":"i","type":"function_call","name":"f","arguments":"","call_id":"c"}}`), namedEvent(`{"type":"response.function_call_arguments.delta","delta":"{"}`)}},
	{"an item with payload", provider.OpenAI, responses, []string{namedEvent(responseCreated), namedEvent(`{"type":"response.output_item.added","item":{"id":"i","type":"message","content":[{"type":"output_text","text":"Hi"}]}}`)}},
	{"response's picture", provider.OpenAI, responses, []string{namedEvent(responseCreated) + namedEvent(`{"type":"response.image_generation_call.in_progress","item_id":"i"}`) + namedEvent(`{"type":"response.image_generation_call.generating","item_id":"i"}`), namedEvent(`{"type":"response.image_generation_call.partial_image","partial_image_b64":"iVBO"}`)}},
	{"a tool that failed", provider.OpenAI, responses, []string{namedEvent(responseCreated) + namedEvent(`{"type":"response.mcp_call.failed","item_id":"i","output_index":0}`), namedEvent(`{"type":"response.output_text.delta","delta":"Hi"}`)}},
	{"response without content", provider.OpenAI, responses, []string{namedEvent(responseCreated) + namedEvent(responseItemAdded), namedEvent(`{"type":"response.incomplete","response":{"status":"incomplete","output":[],"usage":null}}`)}},
	{"an echo of 600 KB", provider.OpenAI, responses, []string{namedEvent(strings.Replace(responseCreated, "Say it", strings.Repeat("Say it", 100_000), 1)), namedEvent(`{"type":"response.output_text.delta","delta":"Hi"}`)}},
	{"images", provider.OpenAI, provider.OpImages, []string{": ping\n\n", namedEvent(`{"type":"image_generation.partial_image","b64_json":"` + strings.Repeat("iVBO", 200_000) + `"}`)}},
	{"speech", provider.OpenAI, provider.OpAudio, []string{"", namedEvent(`{"type":"speech.audio.delta","audio":"UklG"}`)}},
	{"transcription", provider.OpenAI, provider.OpAudio, []string{namedEvent(`{"type":"transcript.text.delta","delta":""}`), namedEvent(`{"type":"transcript.text.delta","delta":"I see"}`)}},

	{"message's text", provider.Anthropic, messages, []string{namedEvent(messageStart) + namedEvent(pingEvent) + namedEvent(`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`) + namedEvent(pingEvent) + namedEvent(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}`), namedEvent(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}`)}},
	{"message's text, without names", provider.Anthropic, messages, []string{dataEvent(messageStart) + dataEvent(pingEvent) + dataEvent(`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`), dataEvent(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}`)}},
	{"thinking", provider.Anthropic, messages, []string{namedEvent(messageStart) + namedEvent(`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`), namedEvent(`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"So"}}`)}},
	{"a signature is none", provider.Anthropic, messages, []string{namedEvent(messageStart) + namedEvent(`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}`) + namedEvent(`{"type":"content_block_stop","index":0}`), namedEvent(`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi"}}`)}},
	{"a tool's input", provider.Anthropic, messages, []string{namedEvent(messageStart) + namedEvent(`{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}`) + namedEvent(`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}`), namedEvent(`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}`)}},
	{"message without content", provider.Anthropic, messages, []string{namedEvent(messageStart), namedEvent(`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}`)}},
	{"message's end", provider.Anthropic, messages, []string{namedEvent(messageStart) + namedEvent(`{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":1}}`), namedEvent(`{"type":"message_stop"}`)}},
	{"the old completions", provider.Anthropic, provider.OpCompletions, []string{namedEvent(`{"type":"completion","completion":"","stop_reason":null}`), namedEvent(`{"type":"completion","completion":" Hi","stop_reason":null}`)}},

	{"parts", provider.Gemini, generate, []string{geminiParts(`[]`) + geminiParts(`[{"text":""}]`) + geminiParts(`[{"text":"","thoughtSignature":"Cs"}]`) + dataEvent(`{"usageMetadata":{"promptTokenCount":2}}`), geminiParts(`[{"text":"Hi"}]`)}},
	{"thoughts", provider.Gemini, generate, []string{geminiParts(`[]`), geminiParts(`[{"text":"So","thought":true}]`)}},
	{"a function", provider.Gemini, generate, []string{geminiParts(`[]`), geminiParts(`[{"functionCall":{"name":"f","args":{}}}]`)}},
	{"a picture inline", provider.Gemini, generate, []string{geminiParts(`[]`), geminiParts(`[{"inlineData":{"mimeType":"image/png","data":"iVBO"}}]`)}},
	{"the last chunk", provider.Gemini, generate, []string{geminiParts(`[]`), dataEvent(`{"candidates":[{"finishReason":"MAX_TOKENS","index":0}],"modelVersion":"g"}`)}},
	{"an array", provider.Gemini, generate, []string{`[{"candidates":[{"content":{"parts":[{"text":""}]}}]}` + "\n,\r\n", `{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]}`}},
	{"an interaction", provider.Gemini, provider.OpUnknown, []string{"event: interaction.created\n" + dataEvent(`{"interaction":{"id":"i","status":"in_progress"},"event_type":"interaction.created"}`) + "event: step.start\n" + dataEvent(`{"index":0,"step":{"type":"model_output"},"event_type":"step.start"}`), "event: step.delta\n" + dataEvent(`{"index":0,"delta":{"type":"text","text":"Hi"},"event_type":"step.delta"}`)}},

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
				require.False(t, hasContent(m))
				for from := 0; from < len(whole); from += step {
					to := min(from+step, len(whole))
					_, _ = m.Write([]byte(whole[from:to]))
					require.Equal(t, to == len(whole), hasContent(m), "by %d, after %q", step, whole[max(0, to-100):to])
				}
				_, failed := failure(m)
				require.False(t, failed)
				_, _ = m.Write([]byte("data: {}\n\ndata: {\"error\":{\"message\":\"x\"}}\n\n"))
				require.True(t, hasContent(m), "it stays so")
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
		"openrouter/200-provider-gone.json":     0,
		"anthropic/200-refusal.json":            1, // it ends the answer
		"minimax/200-insufficient-balance.json": 0,
	} {
		m := speakerOf(file).API.NewMeter(provider.Operation{}, http.Header{})
		got := 0
		for i, event := range strings.SplitAfter(string(fixture(t, file)), "\n\n") {
			_, _ = m.Write([]byte(event))
			if hasContent(m) && got == 0 {
				got = i + 1
			}
		}
		assert.Equal(t, want, got, file)
	}
}

// speakerOf returns the provider that speaks as a fixture does.
func speakerOf(file string) *provider.Provider {
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
		assert.False(t, hasContent(m))
		_, _ = m.Write([]byte("\n"))
		assert.True(t, hasContent(m))
	}
	m := provider.OpenAI.API.NewMeter(provider.Operation{Kind: chat}, headers("Content-Type", "text/event-stream"))
	_, _ = m.Write([]byte("x-field: 1\n" + chatHead))
	assert.False(t, hasContent(m), "a stream, whatever it starts with")
	_, _ = m.Write([]byte(chatDelta(`{"content":"Hi"}`)))
	assert.True(t, hasContent(m))
}

// Once content was seen, an event costs no allocation to find it again; nor
// does one that is neutral to the key search.
func TestContentCostsNothing(t *testing.T) {
	m := provider.OpenAI.API.NewMeter(provider.Operation{Kind: chat}, http.Header{})
	event := []byte(chatDelta(`{"content":"Hi"}`))
	_, _ = m.Write(event)
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = m.Write(event); hasContent(m) }))
}
