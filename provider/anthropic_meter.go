package provider

import "bytes"

// anthropicEvent reads one event of a stream. Usage stands in message_start
// and, cumulative, in each message_delta (provider-facts 4.4 and 4.5).
func anthropicEvent(t *tally, name, data []byte, cut bool) {
	if anthropicMatters(name, data) {
		switch {
		case cut:
			anthropicTail(t, data)
		case ValidJSON(data):
			anthropicRead(t, data)
		}
	}
	if !t.content && !t.failed {
		t.content = anthropicContent(name, data, cut)
	}
}

// anthropicMatters tells the events with usage, errors and the end from those
// with content. An event's name equals its type; a relay may drop the name.
func anthropicMatters(name, data []byte) bool {
	if len(name) > 0 {
		switch string(name) {
		case "message_start", "message_delta", "message_stop", "error", "completion":
			return true
		}
		return false
	}
	head := data[:min(len(data), 48)]
	return !bytes.Contains(head, contentBlock) && !bytes.Contains(head, ping)
}

var (
	contentBlock = []byte(`"content_block_`)
	ping         = []byte(`"ping"`)
)

// anthropicDocument reads a whole body.
func anthropicDocument(t *tally, doc []byte, cut bool) {
	if cut {
		anthropicTail(t, doc)
		t.end()
		return
	}
	if t.checked || ValidJSON(doc) {
		anthropicRead(t, doc)
		t.end()
	}
}

// anthropicRead reads an event or a body.
func anthropicRead(t *tally, v node) {
	var o object
	o.read(v)
	model, usage := o.model, o.usage
	if o.message.isObject() {
		model, usage = o.message.get("model"), o.message.get("usage")
	}
	t.setModel(model)
	if usage.isObject() {
		t.anthropicUsage(usage)
	}
	t.fail(v, &o)
	switch string(o.typ.plain()) {
	case "message_stop":
		t.end()
	case "completion": // of /v1/complete, whose last one has a reason
		if o.stopReason.isString() {
			t.end()
		}
	}
}

func anthropicTail(t *tally, data []byte) {
	if u, ok := lastObject(data, `"usage"`); ok {
		t.anthropicUsage(u)
	}
}
