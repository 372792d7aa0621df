package provider

import (
	"bytes"

	"github.com/tidwall/gjson"
)

// anthropicEvent reads one event of a stream. Usage stands in message_start
// and, cumulative, in each message_delta (provider-facts 4.4 and 4.5).
func anthropicEvent(t *tally, name, data []byte, cut bool) {
	if anthropicMatters(name, data) {
		switch {
		case cut:
			anthropicTail(t, data)
		case isJSON(data):
			anthropicRead(t, gjson.ParseBytes(data))
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
	if isJSON(doc) {
		anthropicRead(t, gjson.ParseBytes(doc))
		t.end()
	}
}

// anthropicRead reads an event or a body.
func anthropicRead(t *tally, v gjson.Result) {
	body := v
	if m := v.Get("message"); m.IsObject() {
		body = m
	}
	t.setModel(body.Get("model"))
	if u := body.Get("usage"); u.IsObject() {
		t.anthropicUsage(u)
	}
	t.fail(v)
	switch v.Get("type").Str {
	case "message_stop":
		t.end()
	case "completion": // of /v1/complete, whose last one has a reason
		if v.Get("stop_reason").Type == gjson.String {
			t.end()
		}
	}
}

func anthropicTail(t *tally, data []byte) {
	if u, ok := lastObject(data, `"usage"`); ok {
		t.anthropicUsage(u)
	}
}
