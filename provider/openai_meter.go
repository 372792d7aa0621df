package provider

import (
	"bytes"
	"strings"

	"github.com/tidwall/gjson"
)

// doneMark ends the streams of chat and completions; the official SDKs test
// for it as a prefix (oai-go, oai-ts).
var doneMark = []byte("[DONE]")

// openaiEvent reads one event of a stream: of chat and completions, which have
// no names, or of responses, images and audio, which do (provider-facts 3.3).
func openaiEvent(t *tally, name, data []byte, cut bool) {
	if bytes.HasPrefix(data, doneMark) {
		t.ended = true
		return
	}
	if !openaiMatters(name, data) {
		return
	}
	if cut {
		openaiTail(t, data)
		t.ended = t.ended || openaiFinal(string(name))
		return
	}
	if gjson.ValidBytes(data) {
		openaiRead(t, gjson.ParseBytes(data))
	}
}

// openaiMatters tells cheaply the few events that say something from the many
// that do not.
func openaiMatters(name, data []byte) bool {
	if bytes.IndexByte(name, '.') >= 0 {
		return openaiFinal(string(name)) || string(name) == "response.failed"
	}
	return usageKey.in(data) || errorKey.in(data) || bytes.HasPrefix(data, flatError)
}

var flatError = []byte(`{"type":"error"`)

// openaiFinal reports whether an event of that type is the last of its stream:
// of responses, images, transcription or speech.
func openaiFinal(typ string) bool {
	switch typ {
	case "response.completed", "response.incomplete":
		return true
	}
	if strings.HasPrefix(typ, "response.") {
		return false
	}
	return strings.HasSuffix(typ, ".completed") || strings.HasSuffix(typ, ".done")
}

// A memberKey is a key to look for in JSON without parsing it.
type memberKey struct {
	key  string // in its quotation marks
	rare int    // the index in key of the byte that other text has least of
}

var (
	usageKey  = memberKey{`"usage"`, 4}
	errorKey  = memberKey{`"error"`, 2}
	metaKey   = memberKey{`"usageMetadata"`, 6}
	finishKey = memberKey{`"finishReason"`, 7}
	blockKey  = memberKey{`"blockReason"`, 6}
)

// value returns where in data the first value of k that is not null starts, or
// -1. Inside a string the quotation marks are escaped, so text never passes
// for a member. Going from one rare byte to the next is several times as fast
// as bytes.Index, for which these keys start like everything else in JSON.
func (k memberKey) value(data []byte) int {
	rare := k.key[k.rare]
	for at := k.rare; at < len(data); at++ {
		i := bytes.IndexByte(data[at:], rare)
		if i < 0 {
			return -1
		}
		at += i
		start := at - k.rare
		end := start + len(k.key)
		if end > len(data) || string(data[start:end]) != k.key {
			continue
		}
		v := skipSpace(data, end)
		if v >= len(data) || data[v] != ':' {
			continue
		}
		if v = skipSpace(data, v+1); v < len(data) && data[v] != 'n' {
			return v
		}
	}
	return -1
}

// in reports whether data has a value of k that is not null.
func (k memberKey) in(data []byte) bool { return k.value(data) >= 0 }

// openaiDocument reads a whole body.
func openaiDocument(t *tally, doc []byte, cut bool) {
	if cut {
		openaiTail(t, doc)
		t.ended = t.ended || endsWhole(doc)
		return
	}
	if !gjson.ValidBytes(doc) {
		return
	}
	openaiRead(t, gjson.ParseBytes(doc))
	t.ended = !t.failed
}

// openaiRead reads an event or a body.
func openaiRead(t *tally, v gjson.Result) {
	body := v
	if r := v.Get("response"); r.IsObject() {
		body = r
	}
	t.setModel(body.Get("model"))
	u := body.Get("usage")
	if !u.IsObject() {
		u = body.Get("choices.0.usage") // Moonshot
	}
	if u.IsObject() {
		t.openaiUsage(u)
	}
	t.fail(v)
	if openaiFinal(v.Get("type").Str) {
		t.ended = true
	}
}

// openaiTail reads the usage from the end of something too long to keep.
func openaiTail(t *tally, data []byte) {
	if u, ok := lastObject(data, `"usage"`); ok {
		t.openaiUsage(u)
	}
}

// lastObject returns the last member of that key, given in its quotation
// marks, whose value is an object that lies in data as a whole.
func lastObject(data []byte, key string) (gjson.Result, bool) {
	i := bytes.LastIndex(data, []byte(key))
	if i < 0 {
		return gjson.Result{}, false
	}
	at := skipSpace(data, i+len(key))
	if at >= len(data) || data[at] != ':' {
		return gjson.Result{}, false
	}
	at = skipSpace(data, at+1)
	if at >= len(data) || data[at] != '{' {
		return gjson.Result{}, false
	}
	end := skipNested(data, at)
	if end < 0 || !gjson.ValidBytes(data[at:end]) {
		return gjson.Result{}, false
	}
	return gjson.ParseBytes(data[at:end]), true
}

// endsWhole reports whether a body of which only the end is known ends as JSON
// does.
func endsWhole(doc []byte) bool {
	doc = bytes.TrimRight(doc, " \t\r\n")
	return len(doc) > 0 && (doc[len(doc)-1] == '}' || doc[len(doc)-1] == ']')
}
