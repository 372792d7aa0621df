package providertest

import (
	"encoding/json"
	"net/http"
	"time"
)

// The native API of Ollama: streams are JSON by the line, and calls stream
// unless they say otherwise.

func routeOllama(c *call) (operation, string, bool) {
	switch c.path {
	case "/api/chat":
		return opNativeChat, http.MethodPost, true
	case "/api/generate":
		return opNativeGenerate, http.MethodPost, true
	case "/api/embed":
		return opNativeEmbed, http.MethodPost, true
	case "/api/tags":
		return opNativeTags, http.MethodGet, true
	case "/api/version":
		return opNativeVersion, http.MethodGet, true
	}
	return opUnknown, "", false
}

// isNative tells whether an operation is one of the native API.
func isNative(op operation) bool {
	switch op {
	case opNativeChat, opNativeGenerate, opNativeEmbed, opNativeTags, opNativeVersion:
		return true
	}
	return false
}

// streamsNatively tells whether a call wants a stream: if it says nothing, it
// does.
func streamsNatively(body []byte) bool {
	var asked struct {
		Stream *bool `json:"stream"`
	}
	return json.Unmarshal(body, &asked) == nil && (asked.Stream == nil || *asked.Stream)
}

// jsonLines is the framing of the native streams.
var jsonLines = framing{
	contentType: "application/x-ndjson",
	frame:       func(_ int, e event) []byte { return append(e.data[:len(e.data):len(e.data)], '\n') },
}

func (d *dialect) answerNatively(c *call, h http.Header) answer {
	switch c.op {
	case opNativeVersion:
		return answer{header: h, body: object{{"version", "0.40.0"}}}
	case opNativeTags:
		models := list{}
		for _, m := range c.catalogue(d.models...) {
			models = append(models, object{{"name", m}, {"model", m}, {"size", int64(3338801804)}, {"details", object{{"format", "gguf"}}}})
		}
		return answer{header: h, body: object{{"models", models}}}
	case opNativeEmbed:
		return nativeEmbeddings(c, h)
	}
	whole := said{thinking: c.Reasoning, text: c.Text, tool: c.op == opNativeChat && c.ToolCall.Name != ""}
	a := answer{header: h, body: nativeLine(c, whole, true), framing: jsonLines}
	line := func(s said, done bool) {
		a.events = append(a.events, event{data: encode(nativeLine(c, s, done))})
	}
	if whole.thinking != "" {
		for _, p := range pieces(whole.thinking) {
			line(said{thinking: p}, false)
		}
	}
	for _, p := range pieces(c.Text) {
		line(said{text: p}, false)
	}
	if whole.tool {
		line(said{tool: true}, false)
	}
	line(said{}, true)
	return a
}

// nativeEmbeddings is one vector for each input.
func nativeEmbeddings(c *call, h http.Header) answer {
	vectors := list{}
	for range inputs(c.form.Input) {
		vectors = append(vectors, numbers(c.form.Dimensions))
	}
	return answer{header: h, body: object{
		{"model", c.model}, {"embeddings", vectors}, {"total_duration", 90 * nativeMillisecond},
		{"load_duration", 10 * nativeMillisecond}, {"prompt_eval_count", c.InputTokens},
	}}
}

// said is what a line of the native API says: all of it, or a piece.
type said struct {
	thinking, text string
	tool           bool // the call of the tool, its arguments as an object
}

const nativeMillisecond = int64(time.Millisecond) // durations are in nanoseconds

// nativeLine is a piece of the answer. The last one has the numbers.
func nativeLine(c *call, s said, done bool) object {
	o := object{{"model", c.model}, {"created_at", c.at.UTC().Format(time.RFC3339Nano)}}
	text := "response"
	if c.op == opNativeChat {
		text = "content"
	}
	spoken := object{{text, s.text}}
	if s.thinking != "" {
		spoken = append(spoken, member{"thinking", s.thinking})
	}
	if s.tool {
		spoken = append(spoken, member{"tool_calls", list{object{{"function", object{
			{"name", c.ToolCall.Name}, {"arguments", json.RawMessage(c.ToolCall.Arguments)},
		}}}}})
	}
	if c.op == opNativeChat {
		spoken = object{{"message", append(object{{"role", "assistant"}}, spoken...)}}
	}
	o = append(append(o, spoken...), member{"done", done})
	if !done {
		return o
	}
	const ms = nativeMillisecond
	return append(o, object{
		{"done_reason", "stop"}, {"total_duration", 900 * ms}, {"load_duration", 100 * ms},
		{"prompt_eval_count", c.InputTokens}, {"prompt_eval_duration", 200 * ms},
		{"eval_count", c.OutputTokens}, {"eval_duration", 600 * ms},
	}...)
}
