package providertest

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
)

// reply is an answer in one piece.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// output writes one answer.
type output struct {
	w       http.ResponseWriter
	started func(status int) // called before the status goes out
}

func (o *output) begin(status int, h http.Header) {
	maps.Copy(o.w.Header(), h.Clone())
	o.started(status)
	o.w.WriteHeader(status)
}

// send gives an answer. A client that is gone is no concern of a fake's.
func (o *output) send(r reply) {
	o.begin(r.status, r.header)
	_, _ = o.w.Write(r.body)
}

// cut gives the first half of an answer that announces all of it.
func (o *output) cut(r reply) {
	r.header.Set("Content-Length", strconv.Itoa(len(r.body)))
	r.body = r.body[:len(r.body)/2]
	o.send(r)
	o.flush()
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

// orNull is a string that JSON has as null when it is empty.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
