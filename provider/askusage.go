package provider

import (
	"bytes"
	"net/http"
)

// AskUsage returns body with OpenAI's stream_options.include_usage set, so that the
// stream that answers it ends with a chunk that tells its usage; everything else in
// it stays byte for byte, in a new slice. asked is false, and body is returned as it
// is, where there is nothing to ask for: the operation is not a streamed chat or
// completion, the body asks already, or it cannot be read. The caller who did not
// ask must not see the chunk: see [WithoutUsage].
//
// r is the request that the body belongs to; only its header is looked at.
func (op Operation) AskUsage(r *http.Request, body []byte) (out []byte, asked bool) {
	if !op.Stream || op.Kind != OpChat && op.Kind != OpCompletions || !readable(r.Header) {
		return body, false
	}
	options, ok := optionsSpan(body)
	if !ok {
		return body, false
	}
	if options.end == 0 || string(body[options.start:options.end]) == "null" {
		return addOptions(body, options), true
	}
	include, first, ok := includeSpan(body, options)
	switch {
	case !ok: // not an object: the provider will say so
		return body, false
	case include.end == 0:
		member := []byte(`"include_usage":true,`)
		if body[first] == '}' {
			member = member[:len(member)-1]
		}
		return splice(body, span{first, first}, member), true
	case string(body[include.start:include.end]) == "true":
		return body, false
	}
	return splice(body, include, []byte("true")), true
}

const usageOptions = `{"include_usage":true}`

// addOptions puts stream_options into a body that has none, or null.
func addOptions(body []byte, null span) []byte {
	if null.end != 0 {
		return splice(body, null, []byte(usageOptions))
	}
	first := bytes.IndexByte(body, '{') + 1
	return splice(body, span{first, first}, []byte(`"stream_options":`+usageOptions+`,`))
}

// optionsSpan returns where stream_options has its value, as encoding/json would
// find it; a zero span if it has none. ok is false if body is no object with
// members.
func optionsSpan(body []byte) (options span, ok bool) {
	m, object := walk(body)
	for object {
		key, start, end, more := m.next()
		if !more {
			break
		}
		ok = true
		if isKey(key, "stream_options") {
			options = span{start, end}
		}
	}
	return options, ok
}

// includeSpan returns where include_usage has its value in the object at options,
// and where the object's first member, or its end, is.
func includeSpan(body []byte, options span) (include span, first int, ok bool) {
	raw := body[options.start:options.end]
	m, ok := walk(raw)
	if !ok {
		return span{}, 0, false
	}
	first = options.start + skipSpace(raw, m.at)
	for {
		key, start, end, more := m.next()
		if !more {
			return include, first, true
		}
		if isKey(key, "include_usage") {
			include = span{options.start + start, options.start + end}
		}
	}
}

// splice returns a copy of body with other bytes at s.
func splice(body []byte, s span, with []byte) []byte {
	out := make([]byte, 0, len(body)+len(with))
	out = append(append(out, body[:s.start]...), with...)
	return append(out, body[s.end:]...)
}
