package provider

import (
	"bufio"
	"bytes"
	"errors"
	"iter"
	"mime"
	"net/http"
	"net/textproto"
	"strings"
)

// A multiform reads the fields of a multipart/form-data body where they stand
// (RFC 7578). It goes over the bytes given and keeps none of them; files are
// skipped at the speed of a search. The body may be cut off: a field whose end is
// not there is none. What is valid is read as mime/multipart reads it.
type multiform struct {
	b    []byte
	dash []byte // two hyphens and the boundary
	end  string // of lines: as RFC 2046 says, or a bare line feed, as some send it
}

const (
	maxParts      = 1000    // of a form are looked at; more are no form that an API takes
	maxPartHeader = 8 << 10 // bytes of the header of one part
)

// isMultipart reports whether a body with this header has parts.
func isMultipart(h http.Header) bool {
	const prefix = "multipart/"
	t := first(h, "Content-Type")
	return len(t) >= len(prefix) && strings.EqualFold(t[:len(prefix)], prefix)
}

// openForm returns the form in a body with this header. ok is false if the header
// speaks of none, or does not say where its parts end.
func openForm(h http.Header, body []byte) (f multiform, ok bool) {
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" || params["boundary"] == "" {
		return multiform{}, false
	}
	return multiform{b: body, dash: []byte("--" + params["boundary"]), end: "\r\n"}, true
}

// fields yields the name of each field that is no file, and where its value is.
func (f *multiform) fields() iter.Seq2[string, span] {
	return func(yield func(string, span) bool) {
		at, ok := f.first()
		for range maxParts {
			if !ok {
				return
			}
			name, start, okay := f.partHeader(at)
			if !okay {
				return
			}
			end, line := f.partEnd(start)
			if end < 0 || name != "" && !yield(name, span{start, end}) {
				return
			}
			at, ok = f.delimiter(line)
		}
	}
}

// first returns where the first part starts, behind a preamble and the first
// delimiter, whose line end says how lines end.
func (f *multiform) first() (at int, ok bool) {
	for line := 0; line < len(f.b); {
		if bytes.HasPrefix(f.b[line:], f.dash) {
			rest := skipBlanks(f.b, line+len(f.dash))
			if rest < len(f.b) && f.b[rest] == '\n' {
				f.end = "\n"
			}
			if at, ok = f.delimiter(line); ok {
				return at, true
			}
			if f.isLast(line) {
				return 0, false
			}
		}
		i := bytes.IndexByte(f.b[line:], '\n')
		if i < 0 {
			return 0, false
		}
		line += i + 1
	}
	return 0, false
}

// delimiter returns what follows the line at b[line], if that is a delimiter and
// a part follows.
func (f *multiform) delimiter(line int) (at int, ok bool) {
	if !bytes.HasPrefix(f.b[line:], f.dash) {
		return 0, false
	}
	at = skipBlanks(f.b, line+len(f.dash))
	if !bytes.HasPrefix(f.b[at:], []byte(f.end)) {
		return 0, false
	}
	return at + len(f.end), true
}

// isLast reports whether the line at b[line] is the delimiter behind which no
// part follows.
func (f *multiform) isLast(line int) bool {
	at := line + len(f.dash)
	if !bytes.HasPrefix(f.b[at:], []byte("--")) {
		return false
	}
	at = skipBlanks(f.b, at+2)
	return at == len(f.b) || bytes.HasPrefix(f.b[at:], []byte(f.end))
}

// skipBlanks skips the spaces and tabs that may follow a boundary.
func skipBlanks(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\t') {
		at++
	}
	return at
}

// partHeader reads the header at b[at]: the name of the field, and where its value
// starts. The name is empty for a file, and for a field whose value stands in
// another form than it has, which RFC 7578 section 4.7 no longer allows.
func (f *multiform) partHeader(at int) (name string, start int, ok bool) {
	for start = at; ; {
		i := bytes.IndexByte(f.b[start:min(len(f.b), at+maxPartHeader)], '\n')
		if i < 0 {
			return "", 0, false
		}
		blank := len(bytes.TrimSuffix(f.b[start:start+i], []byte{'\r'})) == 0
		if start += i + 1; blank {
			break
		}
	}
	h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(f.b[at:start]))).ReadMIMEHeader()
	if err != nil {
		return "", 0, false
	}
	kind, params, err := mime.ParseMediaType(h.Get("Content-Disposition"))
	if err != nil || kind != "form-data" || params["filename"] != "" {
		return "", start, true
	}
	switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
	case "", "7bit", "8bit", "binary":
		return params["name"], start, true
	}
	return "", start, true
}

// partEnd returns where the value that starts at b[start] ends, and where the line
// with the delimiter after it begins; -1: the end is not there.
func (f *multiform) partEnd(start int) (end, line int) {
	if bytes.HasPrefix(f.b[start:], f.dash) && f.delimits(start+len(f.dash)) { // an empty value
		return start, start
	}
	delimiter := append([]byte(f.end), f.dash...)
	for at := start; ; {
		i := bytes.Index(f.b[at:], delimiter)
		if i < 0 {
			return -1, -1
		}
		after := at + i + len(delimiter)
		if f.delimits(after) {
			return at + i, at + i + len(f.end)
		}
		at = after
	}
}

// delimits reports whether a boundary that ends before b[after] is one, and not
// the start of something longer.
func (f *multiform) delimits(after int) bool {
	if after >= len(f.b) {
		return false
	}
	switch f.b[after] {
	case ' ', '\t', '\r', '\n':
		return true
	case '-':
		return after+1 < len(f.b) && f.b[after+1] == '-'
	}
	return false
}

// readForm takes from a form what an Operation tells. Of fields that stand there
// twice the last one counts, as in JSON.
func (op *Operation) readForm(read reading, h http.Header, body []byte) {
	f, ok := openForm(h, body)
	if !ok {
		return
	}
	var t tenant
	for name, at := range f.fields() {
		value := body[at.start:at.end]
		switch name {
		case "model":
			if read&bodyModel == 0 {
				continue
			}
			if op.Model, op.where = "", (location{}); len(value) <= maxModel {
				op.Model, op.where = string(value), location{inForm, at}
			}
		case "stream":
			op.Stream = read&bodyStream != 0 && strings.EqualFold(string(value), "true")
		case "safety_identifier":
			t.safety = string(value[:min(len(value), maxTenant+1)])
		case "user":
			t.user = string(value[:min(len(value), maxTenant+1)])
		}
	}
	op.Tenant = t.name(op.API)
}

// renameField returns a copy of a form whose field model names another one.
func (op Operation) renameField(h http.Header, body []byte, model string) ([]byte, error) {
	f, ok := openForm(h, body)
	if !ok {
		return nil, errMoved
	}
	if strings.ContainsAny(model, "\r\n") || strings.HasPrefix(model, string(f.dash)) {
		return nil, errors.New("provider: rename: the new model cannot stand in a form: it has a line end, or starts like the form's boundary")
	}
	var found span
	ok = false
	for name, at := range f.fields() {
		if name == "model" {
			found, ok = at, true
		}
	}
	// An empty value may lack the line end before the delimiter; any other needs it.
	if !ok || string(body[found.start:found.end]) != op.Model || !bytes.HasPrefix(body[found.end:], []byte(f.end)) {
		return nil, errMoved
	}
	out := make([]byte, 0, len(body)+len(model))
	out = append(append(out, body[:found.start]...), model...)
	return append(out, body[found.end:]...), nil
}
