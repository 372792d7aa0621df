package provider

import "bytes"

// geminiKeys stand in the events that say more than the ones before.
var geminiKeys = []memberKey{finishKey, blockKey, errorKey, usageKey}

// geminiEvent reads one event of a stream. Nearly every one has usage, and the
// last counts, so it is only copied here and read when asked for. There is no
// terminal event: the chunk with a finishReason, or with the reason why the
// prompt was blocked, is the last one with content (provider-facts 5.3). The
// streams of interactions have names, usage in the event of that name, and an
// end.
func geminiEvent(t *tally, name, data []byte, cut bool) {
	if bytes.HasPrefix(data, doneMark) {
		t.end()
		return
	}
	if at := usageMetadata(data); at >= 0 && data[at] == '{' {
		t.keepUsage(data[at:])
	}
	if !cut && geminiMatters(t, name, data) && ValidJSON(data) {
		if geminiRead(t, data) {
			t.end()
		}
	}
	if !t.content && !t.failed {
		t.content = geminiContent(data, cut)
	}
}

// usageMetadata returns where the usage of an event starts, or -1. A tool's
// arguments are the model's own words, and may have a member of that name.
func usageMetadata(data []byte) int {
	at := metaKey.value(data, 0, len(data))
	if at < 0 || !bytes.Contains(data, argsMember) && metaKey.value(data, at, len(data)) < 0 {
		return at
	}
	m, ok := walk(data)
	for ok {
		var key []byte
		var start int
		if key, start, _, ok = m.next(); ok && isKey(key, "usageMetadata") {
			return start
		}
	}
	return -1
}

var argsMember = []byte(`"args"`)

func geminiMatters(t *tally, name, data []byte) bool {
	switch {
	case len(name) > 0 && bytes.HasPrefix(name, stepPrefix):
		return false
	case t.usage.Model == "" && t.nameless < maxNameless:
		t.nameless++
		return true
	}
	return t.plain.has(data, geminiKeys)
}

// maxNameless is how many events may lack the model before it is no longer
// looked for. All of them have it, or none.
const maxNameless = 8

var stepPrefix = []byte("step.")

// keepUsage copies the usageMetadata that data starts with.
func (t *tally) keepUsage(data []byte) {
	t.last = append(t.last[:0], data[:min(len(data), usageLimit)]...)
}

// readLast reads the usage that keepUsage kept.
func (t *tally) readLast() {
	if len(t.last) == 0 {
		return
	}
	if end := skipNested(t.last, 0); end > 0 && ValidJSON(t.last[:end]) {
		t.geminiUsage(t.last[:end])
	}
	t.last = t.last[:0]
}

// geminiDocument reads a whole body.
func geminiDocument(t *tally, doc []byte, cut bool) {
	if cut {
		if u, ok := lastObject(doc, `"usageMetadata"`); ok {
			t.geminiUsage(u)
		} else if u, ok := lastObject(doc, `"usage"`); ok {
			t.geminiOther(u)
		}
		t.end()
		return
	}
	if t.checked || ValidJSON(doc) {
		geminiRead(t, doc)
		t.end()
	}
}

// geminiRead reads a body or an element of one, and reports whether that is the chunk
// that ends an answer.
func geminiRead(t *tally, v node) (ends bool) {
	var o object
	o.read(v)
	if o.interaction.isObject() {
		var interaction object
		interaction.read(o.interaction)
		t.geminiBody(&interaction)
	} else {
		t.geminiBody(&o)
	}
	t.fail(v, &o)
	return o.finishReason.hasText() || o.promptFeedback.get("blockReason").hasText() ||
		o.eventType.is("interaction.completed")
}

// geminiBody reads what an answer used.
func (t *tally) geminiBody(body *object) {
	t.setModel(body.modelVersion)
	t.setModel(body.model)
	if body.usageMetadata.isObject() {
		t.last = t.last[:0]
		t.geminiUsage(body.usageMetadata)
	} else if body.usage.isObject() {
		t.setTier(body.tier)
		t.geminiOther(body.usage)
	}
}

// geminiOther reads the usage of an interaction, or of the OpenAI-compatible
// part.
func (t *tally) geminiOther(u node) {
	if u.get("total_input_tokens").exists() || u.get("total_output_tokens").exists() {
		t.interactionUsage(u)
	} else {
		t.openaiUsage(u)
	}
}
