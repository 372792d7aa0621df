package provider

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// members walks over the members of the JSON object at the head of a buffer,
// without building anything and without going into the values. The buffer may
// be cut off; the walk then ends before the member that is not whole. Time is
// linear in the bytes walked over, and text is skipped at the speed of
// bytes.IndexByte, so that megabytes of images cost little.
type members struct {
	b  []byte
	at int
}

// walk starts at the object that b begins with, white space aside. ok is false
// if b begins with something else.
func walk(b []byte) (m members, ok bool) {
	at := skipSpace(b, 0)
	if at >= len(b) || b[at] != '{' {
		return members{}, false
	}
	return members{b: b, at: at + 1}, true
}

// next returns the next member's key, between its quotation marks and still
// escaped, and where in the buffer its value stands.
func (m *members) next() (key []byte, start, end int, ok bool) {
	at := skipSpace(m.b, m.at)
	if at < len(m.b) && m.b[at] == ',' {
		at = skipSpace(m.b, at+1)
	}
	if at >= len(m.b) || m.b[at] != '"' {
		return nil, 0, 0, false
	}
	keyEnd := skipString(m.b, at)
	if keyEnd < 0 {
		return nil, 0, 0, false
	}
	key = m.b[at+1 : keyEnd-1]
	at = skipSpace(m.b, keyEnd)
	if at >= len(m.b) || m.b[at] != ':' {
		return nil, 0, 0, false
	}
	start = skipSpace(m.b, at+1)
	end = skipValue(m.b, start)
	if end < 0 {
		return nil, 0, 0, false
	}
	m.at = end
	return key, start, end, true
}

func skipSpace(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\n' || b[at] == '\t' || b[at] == '\r') {
		at++
	}
	return at
}

// skipString returns the index after the string that starts at b[at], or -1 if
// it has no end.
func skipString(b []byte, at int) int {
	from := at + 1
	for stop := min(len(b), from+16); from < stop; from++ { // most are short
		if b[from] == '"' {
			return from + 1
		}
		if b[from] == '\\' {
			break
		}
	}
	for {
		i := bytes.IndexByte(b[from:], '"')
		if i < 0 {
			return -1
		}
		end := from + i
		slashes := 0
		for end-1-slashes > at && b[end-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end + 1
		}
		from = end + 1
	}
}

// skipValue returns the index after the value that starts at b[at], or -1 if
// its end is not in b.
func skipValue(b []byte, at int) int {
	if at >= len(b) {
		return -1
	}
	switch b[at] {
	case '"':
		return skipString(b, at)
	case '{', '[':
		return skipNested(b, at)
	}
	end := at
	for end < len(b) && scalar[b[end]] {
		end++
	}
	if end == at || end == len(b) {
		return -1
	}
	return end
}

// scalar holds the bytes of which numbers and literals consist.
var scalar = func() (t [256]bool) {
	for _, c := range []byte("+-.0123456789abcdefghijklmnopqrstuvwxyzE") {
		t[c] = true
	}
	return t
}()

// structural holds the bytes that matter when skipping an object or array.
var structural = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true}

func skipNested(b []byte, at int) int {
	depth := 0
	for at < len(b) {
		c := b[at]
		if !structural[c] {
			at++
			continue
		}
		switch c {
		case '"':
			if at = skipString(b, at); at < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		default:
			if depth--; depth == 0 {
				return at + 1
			}
		}
		at++
	}
	return -1
}

// isKey reports whether the escaped key raw is name.
func isKey(raw []byte, name string) bool {
	if len(raw) == len(name) {
		return string(raw) == name
	}
	if len(raw) < len(name) || bytes.IndexByte(raw, '\\') < 0 || len(raw) > 6*len(name) {
		return false
	}
	s, ok := unquote(append(append([]byte{'"'}, raw...), '"'))
	return ok && s == name
}

// unquote returns the text of a JSON string, as encoding/json would.
func unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", false
	}
	plain := raw[1 : len(raw)-1]
	if bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
		return string(plain), true
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", false
	}
	return s, true
}
