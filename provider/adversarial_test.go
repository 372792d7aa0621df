package provider_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// A meterReading is all that a meter says.
type meterReading struct {
	usage   provider.Usage
	failed  bool
	class   provider.Class
	ended   bool
	content bool
}

// meterReads runs a body through a meter, by that many bytes.
func meterReads(p *provider.Provider, kind provider.OperationKind, h http.Header, body []byte, step int) meterReading {
	m := p.API.NewMeter(provider.Operation{API: p.API.Name, Kind: kind, Model: "m"}, h)
	for from := 0; from < len(body); from += step {
		_, _ = m.Write(body[from:min(from+step, len(body))])
	}
	v, failed := failure(m)
	return meterReading{m.Usage(), failed, v.Class, ended(m), hasContent(m)}
}

// chatStream is a short answer as OpenAI streams it.
const chatStream = `data: {"choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":null}` + "\n\n" +
	`data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}` + "\n\ndata: [DONE]\n\n"

// chatRead is what a meter says of it.
var chatRead = meterReading{usage: provider.Usage{Input: 9, Output: 2, Complete: true}, ended: true, content: true}

// TestAdversarialStreams are the streams that every meter must survive
// (provider-facts 13.6), by their numbers there.
func TestAdversarialStreams(t *testing.T) {
	for i, test := range []func(*testing.T){
		lineEnds, linesOfOneEvent, lastEvents, longEvents, lyingTypes, cutAnswers, placesOfUsage, beforeAndAround, wordsInText, oddNumbers,
	} {
		t.Run(strconv.Itoa(i+1), test)
	}
}

// readsSame expects that a body is read so, at any chunking.
func readsSame(t *testing.T, want meterReading, p *provider.Provider, kind provider.OperationKind, body string) {
	t.Helper()
	for _, step := range []int{1, 2, 3, 5, 64, 4096, len(body) + 1} {
		if len(body)/step > 1<<20 {
			continue
		}
		require.Equal(t, want, meterReads(p, kind, http.Header{}, []byte(body), step), "by %d: %.200q", step, body)
	}
}

func lineEnds(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", "\r"} {
		for _, bom := range []string{"", "\xef\xbb\xbf"} {
			body := bom + strings.ReplaceAll(chatStream, "\n", end)
			readsSame(t, chatRead, provider.OpenAI, chat, body)
			readsSame(t, chatRead, provider.OpenAI, chat, strings.ReplaceAll(body, "data: ", "data:"))
		}
	}
}

func linesOfOneEvent(t *testing.T) {
	body := strings.ReplaceAll(chatStream, `,"usage"`, ",\n: between\ndata: \"usage\"")
	readsSame(t, chatRead, provider.OpenAI, chat, body)
	readsSame(t, chatRead, provider.OpenAI, chat, strings.ReplaceAll(body, "\n", "\r"))
	silence := strings.Repeat(": keep-alive\n\n", 2000)
	readsSame(t, meterReading{}, provider.OpenAI, chat, silence)
	readsSame(t, chatRead, provider.OpenAI, chat, silence+chatStream)
}

func lastEvents(t *testing.T) {
	for _, end := range []string{"data: [DONE]", "data:[DONE]", "data: [DONE]\n", "data: [DONE] \n\n", "data:[DONE]\r"} {
		want := chatRead
		readsSame(t, want, provider.OpenAI, chat, strings.Replace(chatStream, "data: [DONE]\n\n", end, 1))
	}
	last := strings.TrimRight(string(fixture(t, "gemini/stream.sse")), "\n")
	readsSame(t, meterReading{usage: provider.Usage{Input: 21, CachedInput: 10, Output: 65, Reasoning: 60, Model: "gemini-3.6-flash", Complete: true}, ended: true, content: true},
		provider.Gemini, generate, last)
}

func longEvents(t *testing.T) {
	picture := namedEvent(`{"type":"image_generation.partial_image","b64_json":"` + strings.Repeat("iVBORw0KGgo", 20<<20/11) + `"}`)
	want := meterReading{usage: provider.Usage{Input: 5, Output: 6, Images: 1, Complete: true}, ended: true, content: true}
	completed := namedEvent(`{"type":"image_generation.completed","b64_json":"iVBO","usage":{"input_tokens":5,"output_tokens":6,"total_tokens":11}}`)
	for _, step := range []int{1009, 4096, 1 << 20, 64 << 20} {
		assert.Equal(t, want, meterReads(provider.OpenAI, provider.OpImages, http.Header{}, []byte(picture+completed), step), step)
	}
	runes := strings.ReplaceAll(chatStream, "Hi", "Grüße, 世界 🎉")
	readsSame(t, chatRead, provider.OpenAI, chat, runes) // byte by byte, too
}

func lyingTypes(t *testing.T) {
	sse := headers("Content-Type", "text/event-stream; charset=utf-8")
	r := meterReads(provider.OpenAI, chat, sse, []byte(`{"error":{"message":"x","type":"server_error"}}`), 3)
	assert.Equal(t, meterReading{failed: true, class: transient}, r)
	r = meterReads(provider.Gemini, generate, sse, []byte(`[{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}]`), 3)
	assert.Equal(t, meterReading{failed: true, class: overloaded}, r)
	for _, kind := range []string{"application/json", "text/plain", "application/x-ndjson"} {
		assert.Equal(t, chatRead, meterReads(provider.OpenAI, chat, headers("Content-Type", kind), []byte(chatStream), 3), kind)
	}
	lines := fixture(t, "ollama/stream.ndjson")
	for _, kind := range []string{"application/x-ndjson", "application/json", "text/event-stream", ""} {
		r := meterReads(provider.OpenAI, chat, headers("Content-Type", kind), lines, 3)
		assert.Equal(t, meterReading{usage: provider.Usage{Input: 26, Output: 282, Model: "gemma4", Complete: true}, ended: true, content: true}, r, kind)
	}
}

func cutAnswers(t *testing.T) {
	for _, p := range []*provider.Provider{provider.OpenAI, provider.Anthropic, provider.Gemini} {
		readsSame(t, meterReading{}, p, provider.OpUnknown, "")
	}
	readsSame(t, meterReading{usage: provider.Usage{Input: 2, Output: 1, Model: "c"}}, provider.Anthropic, messages, namedEvent(messageStart))
	for _, file := range []string{"openai/chat-stream.sse", "openai/responses-completed.sse", "anthropic/stream.sse"} {
		whole := fixture(t, file)
		for n := range whole[:bytes.LastIndexByte(bytes.TrimSpace(whole), ':')] {
			r := meterReads(speakerOf(file), provider.OpUnknown, http.Header{}, whole[:n], 100)
			require.False(t, r.usage.Complete || r.ended, "%s, %d bytes", file, n)
		}
	}
	// What was compressed is read after decoding; the meter sees it end early.
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(fixture(t, "anthropic/stream.sse"))
	require.NoError(t, z.Flush())
	d, err := gzip.NewReader(&b)
	require.NoError(t, err)
	plain, err := io.ReadAll(d)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	r := meterReads(provider.Anthropic, messages, http.Header{}, plain[:len(plain)-40], 7)
	assert.Equal(t, meterReading{usage: provider.Usage{Input: 25, Output: 15, Model: "claude-opus-5"}, content: true}, r)
}

func placesOfUsage(t *testing.T) {
	const used = `{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}`
	for _, chunks := range []string{
		dataEvent(`{"choices":[{"delta":{"content":"Hi"}}],"usage":null}`) + dataEvent(`{"choices":[],"usage":`+used+`}`),
		dataEvent(`{"choices":[{"delta":{"content":"Hi"}}]}`) + dataEvent(`{"choices":[],"usage":`+used+`}`),
		dataEvent(`{"choices":[{"delta":{"content":"Hi"}}],"usage":{"prompt_tokens":9,"completion_tokens":1}}`) + dataEvent(`{"choices":[{"delta":{"content":"!"}}],"usage":`+used+`}`),
		dataEvent(`{"choices":[{"delta":{"content":"Hi"}}]}`) + dataEvent(`{"choices":[{"delta":{},"finish_reason":"stop","usage":`+used+`}]}`),
		dataEvent(`{"choices":[{"delta":{"content":"Hi"}}]}`) + dataEvent(`{"choices":[{"delta":{},"finish_reason":"stop","usage":`+used+`}],"usage" : null}`),
		dataEvent(`{"choices":[{"delta":{"content":"Hi"}}]}`) + dataEvent(`{"choices":[],"usage":`+used+`}`) + dataEvent(`{"choices":[],"usage":null}`),
	} {
		readsSame(t, chatRead, provider.OpenAI, chat, chunks+"data: [DONE]\n\n")
	}
	readsSame(t, meterReading{ended: true, content: true}, provider.OpenAI, chat, dataEvent(`{"choices":[{"delta":{"content":"Hi"}}],"usage":null}`)+"data: [DONE]\n\n")
}

func beforeAndAround(t *testing.T) {
	readsSame(t, chatRead, provider.OpenAI, chat, strings.Repeat("\n", 500)+`{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}`)
	readsSame(t, meterReading{}, provider.OpenAI, chat, strings.Repeat("\n", 500))
	for _, body := range []string{`[{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}]`, "\n[ {\"error\":{\"code\":503,\"message\":\"x\",\"status\":\"UNAVAILABLE\"}}\n]\n"} {
		readsSame(t, meterReading{failed: true, class: overloaded}, provider.Gemini, generate, body)
	}
	for _, body := range []string{`{"error":"Unauthorized"}`, `{"code":"internal","error":"text"}`} {
		readsSame(t, meterReading{failed: true, class: transient}, provider.OpenAI, chat, body)
	}
}

func wordsInText(t *testing.T) {
	for _, text := range []string{`data: [DONE]`, `\n\ndata: [DONE]\n\n`, `{\"error\":{\"message\":\"x\"}}`, `\"usage\":{\"prompt_tokens\":5}`, `error`, `usage`, `\\`, `\\\"error\\\":{}`, `]}{[`} {
		readsSame(t, chatRead, provider.OpenAI, chat, strings.Replace(chatStream, "Hi", text, 1))
		readsSame(t, chatRead, provider.OpenAI, chat, `{"choices":[{"message":{"content":"`+text+`"}}],"usage":{"prompt_tokens":9,"completion_tokens":2}}`)
		readsSame(t, meterReading{usage: provider.Usage{Input: 25, Output: 15, Model: "claude-opus-5", Complete: true}, ended: true, content: true},
			provider.Anthropic, messages, strings.Replace(string(fixture(t, "anthropic/stream.sse")), "Hello", text, 1))
		readsSame(t, meterReading{usage: provider.Usage{Input: 2, Model: "g"}, content: true}, provider.Gemini, generate, geminiParts(`[{"text":"`+text+`"}]`))
		readsSame(t, meterReading{usage: provider.Usage{Model: "g"}, content: true}, provider.OpenAI, chat, `{"model":"g","response":"`+text+`","done":false}`+"\n"+`{"model":"g","response":"`+text+`","done":false}`+"\n")
	}
}

func oddNumbers(t *testing.T) {
	for number, want := range map[string]int64{
		"1.0": 1, `"3505"`: 3505, "-1": 0, "9007199254740993": 1 << 53, "1e300": 1 << 53, "1e-300": 0, `"x"`: 0, "[]": 0, "{}": 0, "null": 0, `"NaN"`: 0,
	} {
		for _, c := range []struct {
			p    *provider.Provider
			body string
		}{
			{provider.OpenAI, `{"usage":{"prompt_tokens":N,"completion_tokens":0}}`},
			{provider.Anthropic, `{"usage":{"input_tokens":N,"output_tokens":0}}`},
			{provider.Gemini, `{"usageMetadata":{"promptTokenCount":N,"candidatesTokenCount":0}}`},
			{provider.Gemini, `{"usage":{"total_input_tokens":N,"total_output_tokens":0}}`},
		} {
			r := meterReads(c.p, provider.OpUnknown, http.Header{}, []byte(strings.ReplaceAll(c.body, "N", number)), 1)
			assert.Equal(t, provider.Usage{Input: want, Complete: true}, r.usage, "%s with %s", c.body, number)
		}
	}
}
