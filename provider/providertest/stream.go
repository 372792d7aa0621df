package providertest

import (
	"context"
	"net/http"
)

// answer is a normal answer, whole or as events.
type answer struct {
	header  http.Header
	body    object
	events  []event
	framing framing
}

// event is one event of a stream. The name is "" where the provider has none.
type event struct {
	name string
	data []byte
}

// framing is how events are put on the wire.
type framing struct {
	contentType string
	frame       func(i int, e event) []byte
	tail        string // after the last one
}

// whole is the answer in one piece.
func (a answer) whole() reply {
	h := a.header.Clone()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	return reply{status: http.StatusOK, header: h, body: encode(a.body)}
}

// serverSent is the framing of OpenAI and Anthropic.
var serverSent = framing{
	contentType: "text/event-stream; charset=utf-8",
	frame: func(_ int, e event) []byte {
		name := ""
		if e.name != "" {
			name = "event: " + e.name + "\n"
		}
		return []byte(name + "data: " + string(e.data) + "\n\n")
	},
}

// stream plays the events, each flushed, up to the ending that the step wants.
func (o *output) stream(ctx context.Context, a answer, s Step, failInside func(sent int) event) {
	h := a.header.Clone()
	h.Set("Content-Type", a.framing.contentType)
	h.Set("Cache-Control", "no-cache")
	o.begin(http.StatusOK, h)
	o.flush()
	events := a.events
	if s.ending != endWell {
		events = events[:min(s.events, max(len(events)-1, 0))]
	}
	if s.ending == endError {
		events = append(events[:len(events):len(events)], failInside(len(events)))
	}
	for i, e := range events {
		if i > 0 && !wait(ctx, s.gap) {
			panic(http.ErrAbortHandler)
		}
		if _, err := o.w.Write(a.framing.frame(i, e)); err != nil {
			return
		}
		o.flush()
	}
	if s.ending == endCut {
		panic(http.ErrAbortHandler)
	}
	_, _ = o.w.Write([]byte(a.framing.tail))
}
