package provider

import (
	"net/http"
	"net/url"
	"strings"
)

const (
	maxModel   = 512 // longer names are not kept
	maxSession = 512
)

// describe is API.Describe for an API whose operations stand in routes.
func describe(api string, routes []route, r *http.Request, body []byte) Operation {
	row, ok := findRoute(routes, r.Method, r.URL.Path)
	if !ok { // unknown operations name their model in the body, if anywhere
		row.read = bodyModel | bodyStream
	}
	return row.describe(api, r, body)
}

// describe reads from a request what row says is in it.
func (row route) describe(api string, r *http.Request, body []byte) Operation {
	op := Operation{API: api, Kind: row.kind}
	safe := r.Method == "" || r.Method == get || r.Method == http.MethodHead
	op.Repeatable = row.repeatable || safe
	if where := row.read.place(); where != nowhere {
		if seg, ok := modelSegment(r.URL, where); ok {
			op.Model, op.where.place = seg.model, where
		}
	}
	if row.read&queryStream != 0 && strings.Contains(r.URL.RawQuery, "stream=true") {
		op.Stream = r.URL.Query().Get("stream") == "true"
	}
	if row.read&(bodyModel|bodyStream|formatSSE) != 0 && readable(r.Header) {
		op.readBody(row.read, body)
	}
	if s := r.Header.Get("X-Claude-Code-Session-Id"); s != "" {
		op.Session = s
	}
	if len(op.Session) > maxSession {
		op.Session = ""
	}
	return op
}

// readable reports whether a body with this header may be JSON as it stands.
func readable(h http.Header) bool {
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return false
	}
	return !strings.HasPrefix(h.Get("Content-Type"), "multipart/")
}

// readBody takes from a JSON body what an Operation tells, in one pass.
func (op *Operation) readBody(read reading, body []byte) {
	m, ok := walk(body)
	if !ok {
		return
	}
	var cacheKey, user string
	for {
		key, start, end, ok := m.next()
		if !ok {
			break
		}
		value := body[start:end]
		switch {
		case read&bodyModel != 0 && isKey(key, "model"):
			op.setModel(value, start, end)
		case read&bodyStream != 0 && isKey(key, "stream"):
			op.Stream = string(value) == "true"
		case read&formatSSE != 0 && isKey(key, "stream_format"):
			op.Stream = string(value) == `"sse"`
		case isKey(key, "prompt_cache_key"):
			cacheKey, _ = unquote(value)
		case isKey(key, "metadata"):
			user = member(value, "user_id")
		case isKey(key, "conversation"), isKey(key, "thread"):
			// What is generated is added to something the provider keeps.
			if string(value) != "null" && (op.Kind == OpResponses || op.Kind == OpMessages) {
				op.Repeatable = false
			}
		}
	}
	if op.Session = cacheKey; cacheKey == "" {
		op.Session = user
	}
}

// setModel takes the model from its raw value in the body. A value that is no
// string, or too long for a name, counts as none.
func (op *Operation) setModel(raw []byte, start, end int) {
	op.Model, op.where = "", location{}
	if len(raw) > maxModel {
		return
	}
	if s, ok := unquote(raw); ok {
		op.Model, op.where = s, location{inBody, start, end}
	}
}

// member returns the text of a string member of the JSON object in raw, or "".
func member(raw []byte, name string) (text string) {
	m, ok := walk(raw)
	for ok {
		var key []byte
		var start, end int
		if key, start, end, ok = m.next(); ok && isKey(key, name) {
			text, _ = unquote(raw[start:end])
		}
	}
	return text
}

// A segment is the part of an escaped path that names a model.
type segment struct {
	start    int    // of the collection: models or tunedModels
	from, to int    // of the name, in the escaped path
	model    string // unescaped; with "tunedModels/" before it, where it is one
	method   string // what follows the colon
}

// modelSegment finds the model in u's path, which names it at p.
func modelSegment(u *url.URL, p place) (seg segment, ok bool) {
	path := strings.TrimRight(u.EscapedPath(), "/")
	prefix := "tunedModels/"
	if seg.start = strings.LastIndex(path, "/tunedModels/") + 1; seg.start == 0 {
		prefix = "models/"
		if seg.start = strings.LastIndex(path, "/models/") + 1; seg.start == 0 {
			return segment{}, false
		}
	}
	seg.from, seg.to = seg.start+len(prefix), len(path)
	if p == beforeColon {
		colon := strings.LastIndexByte(path[seg.from:], ':')
		if colon < 0 {
			return segment{}, false
		}
		seg.to = seg.from + colon
		seg.method = path[seg.to+1:]
	}
	name, err := url.PathUnescape(path[seg.from:seg.to])
	if err != nil || name == "" || len(name) > maxModel {
		return segment{}, false
	}
	if seg.model = name; prefix == "tunedModels/" {
		seg.model = prefix + name
	}
	return seg, true
}
