package providertest

import (
	"cmp"
	"net/http"
	"slices"
)

// answer is a normal answer, whole or as events, and what it leaves behind.
type answer struct {
	header  http.Header
	body    object
	raw     []byte // the body, where it is no JSON object
	events  []event
	framing framing

	keep    []*item
	drop    *item
	problem kind // kindNone, or it is no answer but this error
}

// event is one event of a stream. The name is "" where the provider has none.
type event struct {
	name string
	data []byte
	then []byte // an event after it that ends the stream; nil: none
}

// framing is how events are put on the wire: as server-sent ones, or in a way
// of their own.
type framing struct {
	contentType string
	lineEnd     string // of server-sent events
	frame       func(i int, e event) []byte
	tail        string // after the last one
}

// put is an event as it goes out.
func (f framing) put(l Lines, i int, e event, last bool) []byte {
	if f.lineEnd == "" {
		return f.frame(i, e)
	}
	return l.event(e, last)
}

// whole is the answer in one piece.
func (a answer) whole() reply {
	h := a.header.Clone()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	body := a.raw
	if body == nil {
		body = encode(a.body)
	}
	return reply{status: http.StatusOK, header: h, body: body}
}

// serverSent is the framing of OpenAI and Anthropic.
var serverSent = framing{contentType: "text/event-stream; charset=utf-8", lineEnd: "\n"}

// stream plays the events, each flushed, up to the ending that the step wants.
// alive is the sign of life in this stream.
func (o *output) stream(a answer, s Step, alive string, failInside func(sent int) event) {
	h := a.header.Clone()
	h.Set("Content-Type", a.framing.contentType)
	h.Set("Cache-Control", "no-cache")
	o.begin(http.StatusOK, h)
	o.flush()
	lines := s.wire.lines
	lines.End = cmp.Or(lines.End, a.framing.lineEnd)
	sign := []byte{'\n'}
	if a.framing.lineEnd != "" {
		sign = lines.comment(alive)
		if lines.BOM && !o.write([]byte(byteOrderMark)) {
			return
		}
	}
	events := s.until(a.events, failInside)
	for i, e := range events {
		if i > 0 {
			o.pause(s.gap)
		}
		if !o.signs(sign, i == 0) || !o.write(a.framing.put(lines, i, e, i == len(events)-1)) {
			return
		}
		o.flush()
	}
	if s.ending == endCut {
		panic(http.ErrAbortHandler)
	}
	if s.ending != endEarly && !o.write([]byte(a.framing.tail)) {
		return
	}
	if s.wire.endless {
		o.goOn(sign)
	}
}

// until is the events that come before the ending that the step wants, and the
// one that tells its error.
func (s Step) until(events []event, failInside func(sent int) event) []event {
	if s.ending == endWell {
		return events
	}
	events = slices.Clip(events[:min(s.events, max(len(events)-1, 0))])
	if s.ending == endError {
		e := failInside(len(events))
		events = append(events, e)
		if e.then != nil {
			events = append(events, event{data: e.then})
		}
	}
	return events
}

// signs gives the signs of life that come before an event, and tells whether
// anybody reads them.
func (o *output) signs(sign []byte, first bool) bool {
	n := o.wire.between
	if first {
		n = o.wire.before
	}
	for range n {
		if !o.write(sign) {
			return false
		}
		o.flush()
		o.pause(o.wire.aliveGap)
	}
	return true
}
