package provider

import (
	"github.com/tidwall/gjson"
)

// geminiEvent reads one event of a stream. Nearly every one has usage, and the
// last counts, so it is only copied here and read when asked for. There is no
// terminal event: the chunk with a finishReason, or with the reason why the
// prompt was blocked, is the last one with content (provider-facts 5.3).
func geminiEvent(t *tally, _, data []byte, cut bool) {
	if at := metaKey.value(data); at >= 0 && data[at] == '{' {
		t.keepUsage(data, at)
	}
	if cut {
		return
	}
	end := finishKey.in(data) || blockKey.in(data)
	if end || t.usage.Model == "" || errorKey.in(data) {
		if !gjson.ValidBytes(data) {
			return
		}
		v := gjson.ParseBytes(data)
		t.setModel(v.Get("modelVersion"))
		t.fail(v)
		t.ended = t.ended || geminiEnds(v)
	}
}

// keepUsage copies the usageMetadata of a chunk, which starts at data[at].
func (t *tally) keepUsage(data []byte, at int) {
	if end := skipNested(data, at); end > 0 && end-at <= usageLimit {
		t.last = append(t.last[:0], data[at:end]...)
	}
}

// readLast reads the usage that keepUsage kept.
func (t *tally) readLast() {
	if len(t.last) > 0 && gjson.ValidBytes(t.last) {
		t.geminiUsage(gjson.ParseBytes(t.last))
	}
	t.last = t.last[:0]
}

// geminiDocument reads a whole body: an object, or the array that a stream
// without alt=sse is.
func geminiDocument(t *tally, doc []byte, cut bool) {
	if cut {
		if u, ok := lastObject(doc, `"usageMetadata"`); ok {
			t.geminiUsage(u)
		}
		t.ended = endsWhole(doc)
		return
	}
	if !gjson.ValidBytes(doc) {
		return
	}
	root := gjson.ParseBytes(doc)
	if !root.IsArray() {
		geminiRead(t, root)
		t.ended = !root.Get("error").Exists()
		return
	}
	root.ForEach(func(_, v gjson.Result) bool {
		geminiRead(t, v)
		t.ended = t.ended || geminiEnds(v)
		return true
	})
}

// geminiRead reads a body or an element of one.
func geminiRead(t *tally, v gjson.Result) {
	t.setModel(v.Get("modelVersion"))
	if u := v.Get("usageMetadata"); u.IsObject() {
		t.geminiUsage(u)
	} else if u := v.Get("usage"); u.IsObject() { // the OpenAI-compatible part
		t.setModel(v.Get("model"))
		t.openaiUsage(u)
	}
	t.fail(v)
}

// geminiEnds reports whether v is the chunk that ends an answer.
func geminiEnds(v gjson.Result) bool {
	return v.Get("candidates.0.finishReason").Str != "" || v.Get("promptFeedback.blockReason").Str != ""
}
