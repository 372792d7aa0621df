package provider

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
)

const (
	maxModel   = 512 // longer names are not kept
	maxSession = 512
	maxTenant  = 512
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
	if strings.EqualFold(first(r.Header, "Upgrade"), "websocket") {
		op.Kind = OpRealtime // responses can be had over a WebSocket as well
	}
	if op.Kind == OpRealtime {
		op.Repeatable = false
	}
	if where := row.read.place(); where != nowhere {
		if seg, ok := modelSegment(r.URL, where); ok {
			op.Model, op.where.place = seg.model, where
		}
	}
	op.addObject(row.pathObject(r.URL))
	if row.read&queryStream != 0 && strings.Contains(r.URL.RawQuery, "stream=true") {
		op.Stream = r.URL.Query().Get("stream") == "true"
	}
	if row.read&anyBody != 0 && len(body) > 0 && !isCoded(r.Header) {
		if isMultipart(r.Header) {
			op.readForm(row.read, r.Header, body)
		} else {
			op.readBody(row.read, body)
		}
	}
	op.ids = row.answer(&op, r)
	if s := first(r.Header, "X-Claude-Code-Session-Id"); s != "" {
		op.Session = s
	}
	if len(op.Session) > maxSession {
		op.Session = ""
	}
	return op
}

// readable reports whether a body with this header may be JSON as it stands.
func readable(h http.Header) bool { return !isCoded(h) && !isMultipart(h) }

// first is a header's first value; "": there is none. It is Header.Get for names in
// canonical spelling, which that would look over each time.
func first(h http.Header, canonical string) string {
	if values := h[canonical]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// readBody takes from a JSON body what an Operation tells: in one pass over the
// members at its top, and a search for files further down.
func (op *Operation) readBody(read reading, body []byte) {
	m, ok := walk(body)
	if !ok {
		return
	}
	var (
		who      tenant
		cacheKey string
		agent    location
	)
	for {
		raw, start, end, ok := m.next()
		if !ok {
			break
		}
		value, key := body[start:end], plainKey(raw)
		switch string(key) {
		case "model":
			if read&bodyModel != 0 {
				op.setModel(value, location{inBody, span{start, end}})
			}
		case "store":
			op.setStore(value)
		case "agent":
			agent = location{inAgent, span{start, end}}
		case "stream":
			if read&bodyStream != 0 {
				op.Stream = string(value) == "true"
			}
		case "stream_format":
			if read&formatSSE != 0 {
				op.Stream = string(value) == `"sse"`
			}
		case "prompt_cache_key":
			cacheKey, _ = unquote(value)
		case "safety_identifier":
			who.safety, _ = unquote(value)
		case "user":
			who.user, _ = unquote(value)
		case "metadata":
			who.metadata = member(value, "user_id")
		case "conversation", "thread":
			op.addValue(value)
			// What is generated is added to something the provider keeps.
			if string(value) != "null" && (op.Kind == OpResponses || op.Kind == OpMessages) {
				op.Repeatable = false
			}
		default:
			op.readID(key, value)
		}
	}
	if read&bodyAgent != 0 && op.where.place == nowhere && agent.place != nowhere {
		op.setModel(body[agent.start:agent.end], agent)
	}
	op.Session, op.Tenant = cmp.Or(cacheKey, who.metadata), who.name(op.API)
	op.readFiles(read.fileKeys(), body, 0)
}

// setModel takes the model from its raw value in the body. A value that is no
// string, or too long for a name, counts as none.
func (op *Operation) setModel(raw []byte, at location) {
	op.Model, op.where = "", location{}
	if len(raw) > maxModel {
		return
	}
	if s, ok := unquote(raw); ok {
		op.Model, op.where = s, at
	}
}

// A tenant is what a body says about who its caller's own user is.
type tenant struct{ safety, user, metadata string }

// name returns what counts of it. The metadata of OpenAI's requests mean what
// the caller likes; in Anthropic's they have one member, which is the user.
func (t tenant) name(api string) string {
	name := cmp.Or(t.safety, t.user)
	if name == "" && api == anthropicName {
		name = t.metadata
	}
	if len(name) > maxTenant {
		return ""
	}
	return name
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
