package providertest

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// reply is an answer in one piece.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// output writes one answer.
type output struct {
	ctx     context.Context //nolint:containedctx // of the one call that is answered
	w       http.ResponseWriter
	at      time.Time // of the call
	wire    wire
	started func(status int) // called before the status goes out
	begun   bool             // something of the body is out
}

func (o *output) begin(status int, h http.Header) {
	if h = h.Clone(); h == nil {
		h = make(http.Header)
	}
	o.wire.retry.apply(h, o.at)
	for _, e := range o.wire.edits {
		if h.Set(e.name, e.value); e.value == "" {
			h[http.CanonicalHeaderKey(e.name)] = nil // net/http adds none of its own
		}
	}
	maps.Copy(o.w.Header(), h)
	o.started(status)
	o.w.WriteHeader(status)
}

// send gives an answer. A client that is gone is no concern of a fake's.
func (o *output) send(r reply) {
	o.begin(r.status, r.header)
	o.finish(r)
}

// sendAfter gives an answer after signs of life, or after silence as long.
func (o *output) sendAfter(sign string, r reply) {
	if sign == "" {
		o.pause(time.Duration(o.wire.before) * o.wire.aliveGap)
		o.send(r)
		return
	}
	o.begin(r.status, r.header)
	if o.signs([]byte(sign), true) {
		o.finish(r)
	}
}

func (o *output) finish(r reply) {
	if o.write(r.body) && o.wire.endless {
		o.goOn([]byte{' '})
	}
}

// write gives a piece of the body, and tells whether anybody reads it.
func (o *output) write(b []byte) bool {
	if !o.wire.byByte {
		_, err := o.w.Write(b)
		return err == nil
	}
	for i := range b {
		if o.begun {
			o.pause(o.wire.byteGap)
		}
		if _, err := o.w.Write(b[i : i+1]); err != nil {
			return false
		}
		o.begun = true
		o.flush()
	}
	return true
}

// goOn repeats the filler until the client leaves.
func (o *output) goOn(filler []byte) {
	if o.wire.endlessGap == 0 {
		filler = bytes.Repeat(filler, maxFlood/len(filler)+1)
	}
	o.flush()
	for {
		o.pause(o.wire.endlessGap)
		if _, err := o.w.Write(filler); err != nil {
			panic(http.ErrAbortHandler)
		}
		o.flush()
	}
}

const maxFlood = 4 << 10 // bytes a write

// pause waits, and gives up when the client has left.
func (o *output) pause(d time.Duration) {
	if !wait(o.ctx, d) {
		panic(http.ErrAbortHandler)
	}
}

// cut gives the first half of an answer that announces all of it.
func (o *output) cut(sign string, r reply) {
	ahead := len(sign) * o.wire.before
	r.header.Set("Content-Length", strconv.Itoa(ahead+len(r.body)))
	if ahead == 0 {
		o.pause(time.Duration(o.wire.before) * o.wire.aliveGap)
	}
	o.begin(r.status, r.header)
	if ahead == 0 || o.signs([]byte(sign), true) {
		o.write(r.body[:len(r.body)/2])
		o.flush()
	}
	panic(http.ErrAbortHandler)
}

// flush sends what was written; where that is not possible nothing is lost.
func (o *output) flush() { _ = http.NewResponseController(o.w).Flush() }

// object is a JSON object whose members stay in order.
type object []member

type member struct {
	name  string
	value any
}

type list []any

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, encode(m.name)...)
		b = append(b, ':')
		b = append(b, encode(m.value)...)
	}
	return append(b, '}'), nil
}

// encode is a value as JSON, in the way providers write it: < stays <. What
// fakes say can always be encoded.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte("null")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// decimal is a number as headers have it.
func decimal(n int) string { return strconv.Itoa(n) }

// orNull is a string that JSON has as null when it is empty.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
