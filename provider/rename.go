package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Rename writes model where the request names its own, and returns the body to
// send. Where the model stands in the body, the bytes around it stay exactly
// as they are and the result is a new slice: body itself is not changed, and
// the caller must see to Content-Length and GetBody. Where it stands in the
// path, r.URL is replaced by a copy with another path; a Gemini body that
// repeats the model is changed with it, unless r says that it has a content
// coding. body must be the whole body that Describe saw the head of. A model
// equal to op.Model changes nothing.
//
// It is an error if model is empty or cannot stand where the old one does, if
// the request names no model that could be read, or if the model stands in a
// body that r says has a content coding (see Codings.Plain); r is then as it was.
func (op Operation) Rename(r *http.Request, body []byte, model string) ([]byte, error) {
	switch {
	case model == "":
		return nil, errors.New("provider: rename: the new model is empty")
	case op.where.place != nowhere && model == op.Model:
		return body, nil
	case op.where.place.isBody() && isCoded(r.Header):
		return nil, errors.New("provider: rename: the body has a content coding: take it off with Codings.Plain, and send the body without it")
	case op.where.place == inForm:
		return op.renameField(r.Header, body, model)
	case op.where.place.isBody():
		spans := op.inBodySpan(body)
		if spans == nil {
			return nil, errMoved
		}
		return op.splice(body, spans, model), nil
	case op.where.place == inPath, op.where.place == beforeColon:
		u, err := op.renamePath(r.URL, model)
		if err != nil {
			return nil, err
		}
		r.URL = u
		if op.where.place == beforeColon && readable(r.Header) {
			body = op.splice(body, op.repeated(body), model)
		}
		return body, nil
	}
	return nil, fmt.Errorf("provider: rename: the %s request names no model that could be read", op.Kind)
}

var errMoved = errors.New("provider: rename: the body does not name the model where it did")

// isBody reports whether the model stands in the body.
func (p place) isBody() bool { return p == inBody || p == inAgent || p == inForm }

// key returns the member that names the model, for the places in JSON.
func (p place) key() string {
	if p == inAgent {
		return "agent"
	}
	return "model"
}

// renamePath returns a copy of u that names model.
func (op Operation) renamePath(u *url.URL, model string) (*url.URL, error) {
	if model == "." || model == ".." {
		return nil, errors.New("provider: rename: a model cannot be called by one or two dots")
	}
	seg, ok := modelSegment(u, op.where.place)
	if !ok {
		return nil, errors.New("provider: rename: the path does not name the model where it did")
	}
	collection := "models/"
	if name, ok := strings.CutPrefix(model, "tunedModels/"); ok && op.where.place == beforeColon {
		collection, model = "tunedModels/", name
	} else {
		model = strings.TrimPrefix(model, "models/")
	}
	path := u.EscapedPath()
	escaped := path[:seg.start] + collection + url.PathEscape(model) + path[seg.to:]
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, errors.New("provider: rename: the path is not escaped properly")
	}
	v := *u
	setPath(&v, plain, escaped)
	return &v, nil
}

// A span is where a value stands in a body.
type span struct{ start, end int }

// inBodySpan returns where the body names the model: where Describe found it,
// or where a new search does.
func (op Operation) inBodySpan(body []byte) []span {
	s, key := op.where.span, op.where.place.key()
	if s.end <= len(body) && op.names(body[s.start:s.end]) && afterKey(body[:s.start], key) {
		return []span{s}
	}
	found := spansOf(key, body, 0)
	if n := len(found); n > 0 && op.names(body[found[n-1].start:found[n-1].end]) {
		return found[n-1:]
	}
	return nil
}

// afterKey reports whether head ends with a key and its colon.
func afterKey(head []byte, key string) bool {
	head = bytes.TrimRight(head, " \t\r\n")
	head, ok := bytes.CutSuffix(head, []byte(":"))
	return ok && bytes.HasSuffix(bytes.TrimRight(head, " \t\r\n"), []byte(`"`+key+`"`))
}

// names reports whether the raw JSON value is op's model.
func (op Operation) names(raw []byte) bool {
	s, ok := unquote(raw)
	return ok && (s == op.Model || s == "models/"+op.Model)
}

// repeated returns where a Gemini body says again which model the path names:
// model, generateContentRequest.model and requests[].model (genai, for
// counting and for embedding in batches).
func (op Operation) repeated(body []byte) (spans []span) {
	m, ok := walk(body)
	for ok {
		var key []byte
		var start, end int
		if key, start, end, ok = m.next(); !ok {
			break
		}
		switch {
		case isKey(key, "model"):
			spans = append(spans, span{start, end})
		case isKey(key, "generateContentRequest"):
			spans = append(spans, spansOf("model", body[start:end], start)...)
		case isKey(key, "requests") && body[start] == '[':
			for at := skipSpace(body, start+1); at < end-1; {
				stop := skipValue(body, at)
				if stop < 0 {
					break
				}
				spans = append(spans, spansOf("model", body[at:stop], at)...)
				if at = skipSpace(body, stop); body[at] == ',' {
					at = skipSpace(body, at+1)
				}
			}
		}
	}
	return spans
}

// spansOf returns where the object in b has the member name; offset is added to
// each.
func spansOf(name string, b []byte, offset int) (spans []span) {
	m, ok := walk(b)
	for ok {
		var key []byte
		var start, end int
		if key, start, end, ok = m.next(); ok && isKey(key, name) {
			spans = append(spans, span{offset + start, offset + end})
		}
	}
	return spans
}

// splice returns a copy of body with model in those spans that name op's, with
// "models/" before it where it stood before.
func (op Operation) splice(body []byte, spans []span, model string) []byte {
	if len(spans) == 0 {
		return body
	}
	out := make([]byte, 0, len(body)+len(spans)*(len(model)+len("models/")))
	last := 0
	for _, s := range spans {
		old, ok := unquote(body[s.start:s.end])
		if !ok || !op.names(body[s.start:s.end]) {
			continue
		}
		name := model
		if old != op.Model && !strings.HasPrefix(model, "tunedModels/") {
			name = "models/" + strings.TrimPrefix(model, "models/")
		}
		quoted, err := json.Marshal(name)
		if err != nil { // a string always has a JSON form
			continue
		}
		out = append(append(out, body[last:s.start]...), quoted...)
		last = s.end
	}
	return append(out, body[last:]...)
}
