package provider

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"iter"
	"math/bits"
	"slices"
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

// walk starts at the object that b begins with, white space and a byte order
// mark aside. ok is false if b begins with something else.
func walk(b []byte) (m members, ok bool) {
	at := 0
	if bytes.HasPrefix(b, byteOrderMark) { // RFC 8259 section 8.1 lets parsers ignore it
		at = len(byteOrderMark)
	}
	at = skipSpace(b, at)
	if at >= len(b) || b[at] != '{' {
		return members{}, false
	}
	return members{b: b, at: at + 1}, true
}

// next returns the next member's key, between its quotation marks and still
// escaped, and where in the buffer its value stands.
func (m *members) next() (key []byte, start, end int, ok bool) {
	key, start, ok = m.head()
	if !ok {
		return nil, 0, 0, false
	}
	end = skipValue(m.b, start)
	if end < 0 {
		return nil, 0, 0, false
	}
	m.at = end
	return key, start, end, true
}

// head returns the next member's key, and where in the buffer its value begins,
// whether or not that is there as a whole. It stays where it is.
func (m *members) head() (key []byte, start int, ok bool) {
	at := skipSpace(m.b, m.at)
	if at < len(m.b) && m.b[at] == ',' {
		at = skipSpace(m.b, at+1)
	}
	if at >= len(m.b) || m.b[at] != '"' {
		return nil, 0, false
	}
	keyEnd := skipString(m.b, at)
	if keyEnd < 0 {
		return nil, 0, false
	}
	key = m.b[at+1 : keyEnd-1]
	at = skipSpace(m.b, keyEnd)
	if at >= len(m.b) || m.b[at] != ':' {
		return nil, 0, false
	}
	return key, skipSpace(m.b, at+1), true
}

// fields yields the members of the object at the head of b: keys without their
// escapes, values as they stand there.
func fields(b []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		m, ok := walk(b)
		for ok {
			key, start, end, more := m.next()
			if !more || !yield(string(plainKey(key)), b[start:end]) {
				return
			}
		}
	}
}

// elements yields the values of the array at the head of b.
func elements(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(b) == 0 || b[0] != '[' {
			return
		}
		for at := skipSpace(b, 1); ; {
			end := skipValue(b, at)
			if end < 0 || !yield(b[at:end]) {
				return
			}
			if at = skipSpace(b, end); at >= len(b) || b[at] != ',' {
				return
			}
			at = skipSpace(b, at+1)
		}
	}
}

func skipSpace(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\n' || b[at] == '\t' || b[at] == '\r') {
		at++
	}
	return at
}

// skipString returns the index after the string that starts at b[at], or -1 if
// it has no end. at may be -1, for a string that started before b.
func skipString(b []byte, at int) int {
	start := at + 1
	from := start
	for stop := min(len(b), from+near) - 8; from <= stop; {
		word := binary.LittleEndian.Uint64(b[from:]) ^ '"'*everyByte
		zero := (word - everyByte) &^ word & (0x80 * everyByte)
		if zero == 0 {
			from += 8
			continue
		}
		if from += bits.TrailingZeros64(zero) / 8; from == start || b[from-1] != '\\' || !escaped(b, start, from) {
			return from + 1
		}
		from++
	}
	for {
		i := bytes.IndexByte(b[from:], '"')
		if i < 0 {
			return -1
		}
		from += i + 1
		if !escaped(b, start, from-1) {
			return from
		}
	}
}

// near is how far skipString looks by words of eight bytes, which is faster than
// a call to bytes.IndexByte only where the quotation mark is not far.
const near = 16

// escaped reports whether the byte b[at] of a string that starts at b[start] has
// a backslash to itself.
func escaped(b []byte, start, at int) bool {
	slashes := 0
	for at-1-slashes >= start && b[at-1-slashes] == '\\' {
		slashes++
	}
	return slashes%2 != 0
}

// everyByte is 1 in each byte of a word.
const everyByte = 0x0101010101010101

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
		switch c := b[at]; {
		case c == '"':
			if at = skipString(b, at); at < 0 {
				return -1
			}
			if at < len(b) && (b[at] == ':' || b[at] == ',') {
				at++
			}
		case !structural[c]:
			at = nextStructural(b, at+1)
		case c == '{' || c == '[':
			depth++
			at++
		default:
			at++
			if depth--; depth == 0 {
				return at
			}
		}
	}
	return -1
}

// nextStructural returns the index of the first byte from b[at] on that may be structural, or
// len(b). Few bytes lie between two strings as a rule, but many in an array of
// numbers.
func nextStructural(b []byte, at int) int {
	for stop := min(len(b), at+4); at < stop; at++ {
		if structural[b[at]] {
			return at
		}
	}
	for ; at+8 <= len(b); at += 8 {
		word := binary.LittleEndian.Uint64(b[at:])
		quotes := word ^ '"'*everyByte
		// The four brackets, and by chance Y, _, y and DEL, are 0x59 without
		// three of their bits.
		brackets := word&(0xd9*everyByte) ^ 0x59*everyByte
		zero := (quotes-everyByte)&^quotes | (brackets-everyByte)&^brackets
		if zero &= 0x80 * everyByte; zero != 0 {
			return at + bits.TrailingZeros64(zero)/8
		}
	}
	for at < len(b) && !structural[b[at]] {
		at++
	}
	return at
}

// isKey reports whether the escaped key raw is name.
func isKey(raw []byte, name string) bool {
	return len(raw) >= len(name) && string(plainKey(raw)) == name
}

// maxKey is how long a key can be, escaped, that is looked for.
const maxKey = 6 * len("previous_interaction_id")

// plainKey returns a key without its escapes. One too long to be looked for is
// returned as it is.
func plainKey(raw []byte) []byte {
	if len(raw) > maxKey || bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	if s, ok := unquote(slices.Concat(quote, raw, quote)); ok {
		return []byte(s)
	}
	return raw
}

var quote = []byte{'"'}

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
