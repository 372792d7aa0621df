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
	case "/api/tags":
		return opNativeTags, http.MethodGet, true
	case "/api/version":
		return opNativeVersion, http.MethodGet, true
	}
	return opUnknown, "", false
}

// isNative tells whether an operation is one of the native API.
func isNative(op operation) bool {
	return op == opNativeChat || op == opNativeGenerate || op == opNativeTags || op == opNativeVersion
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
			models = append(models, object{{"name", m}, {"model", m}, {"size", 3338801804}, {"details", object{{"format", "gguf"}}}})
		}
		return answer{header: h, body: object{{"models", models}}}
	}
	a := answer{header: h, body: nativeLine(c, c.Text, true), framing: jsonLines}
	for _, p := range pieces(c.Text) {
		a.events = append(a.events, event{data: encode(nativeLine(c, p, false))})
	}
	a.events = append(a.events, event{data: encode(nativeLine(c, "", true))})
	return a
}

// nativeLine is a piece of the answer. The last one has the numbers.
func nativeLine(c *call, text string, done bool) object {
	o := object{{"model", c.model}, {"created_at", c.at.UTC().Format(time.RFC3339Nano)}}
	if c.op == opNativeChat {
		o = append(o, member{"message", object{{"role", "assistant"}, {"content", text}}})
	} else {
		o = append(o, member{"response", text})
	}
	o = append(o, member{"done", done})
	if !done {
		return o
	}
	const ns = int64(time.Millisecond)
	return append(o, object{
		{"done_reason", "stop"}, {"total_duration", 900 * ns}, {"load_duration", 100 * ns},
		{"prompt_eval_count", c.InputTokens}, {"prompt_eval_duration", 200 * ns},
		{"eval_count", c.OutputTokens}, {"eval_duration", 600 * ns},
	}...)
}
