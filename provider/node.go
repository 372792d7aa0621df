package provider

import (
	"bytes"
	"iter"
	"strconv"
)

// A node is a JSON value as it stands in a body, without white space around it;
// empty: there is none. Nothing is built and nothing copied until it is asked for.
type node []byte

// kind returns the first byte, which tells one kind of value from the others; 0:
// there is none.
func (n node) kind() byte {
	if len(n) == 0 {
		return 0
	}
	return n[0]
}

func (n node) exists() bool   { return len(n) > 0 }
func (n node) isObject() bool { return n.kind() == '{' }
func (n node) isArray() bool  { return n.kind() == '[' }
func (n node) isString() bool { return n.kind() == '"' }

// isNumber reports whether n is one, and no text that is one.
func (n node) isNumber() bool {
	c := n.kind()
	return c == '-' || '0' <= c && c <= '9'
}

// plain returns the text of a string, and nothing for another value. It is a part of
// n, but for escapes.
func (n node) plain() []byte {
	if !n.isString() {
		return nil
	}
	if bytes.IndexByte(n, '\\') >= 0 {
		return []byte(stringOf(n))
	}
	return n[1 : len(n)-1]
}

// text is plain as a string.
func (n node) text() string { return string(n.plain()) }

// is reports whether n is a string of that text.
func (n node) is(text string) bool { return n.isString() && string(n.plain()) == text }

// hasText reports whether n is a string that is not empty.
func (n node) hasText() bool { return n.isString() && len(n) > len(`""`) }

// float returns a number, or a text that is one; else 0, and 1 for true.
func (n node) float() float64 {
	switch n.kind() {
	case 0, 'n', 'f', '{', '[':
		return 0
	case 't':
		return 1
	case '"':
		f, _ := strconv.ParseFloat(string(n.plain()), 64) // what is no number is 0
		return f
	}
	if len(n) <= maxDigits && skipDigits(n, 0) == len(n) {
		var i int64
		for _, c := range n {
			i = 10*i + int64(c-'0')
		}
		return float64(i)
	}
	f, _ := strconv.ParseFloat(string(n), 64) // one that is too large is infinite
	return f
}

// maxDigits is how many digits a float64 is sure to hold.
const maxDigits = 15

// members yields the members of an object: keys without their escapes. A last value
// that is cut off is yielded if it is an object or an array.
func (n node) members() iter.Seq2[[]byte, node] {
	return func(yield func([]byte, node) bool) {
		m, ok := walk(n)
		for ok {
			var key []byte
			var value node
			if key, value, ok = m.nextNode(); len(value) > 0 && !yield(plainKey(key), value) {
				return
			}
		}
	}
}

// get returns the first member of that name; empty: there is none, or n is no object.
func (n node) get(name string) node {
	m, ok := walk(n)
	for ok {
		var key []byte
		var value node
		if key, value, ok = m.nextNode(); len(value) > 0 && isKey(key, name) {
			return value
		}
	}
	return nil
}

// elements yields the elements of an array, with a last one that is cut off as in
// members.
func (n node) elements() iter.Seq[node] {
	return func(yield func(node) bool) {
		if !n.isArray() {
			return
		}
		for at := skipSpace(n, 1); ; at = skipSpace(n, at+1) {
			value, end := valueAt(n, at)
			if len(value) == 0 || !yield(value) {
				return
			}
			if at = skipSpace(n, end); at >= len(n) || n[at] != ',' {
				return
			}
		}
	}
}

// front returns an array from its first element on, which is enough to walk over the
// members of that without looking for its end.
func (n node) front() node {
	if !n.isArray() {
		return nil
	}
	return n[skipSpace(n, 1):]
}

// first returns the first element of an array.
func (n node) first() node {
	for v := range n.elements() {
		return v
	}
	return nil
}

// last returns the last element of an array.
func (n node) last() (last node) {
	for v := range n.elements() {
		last = v
	}
	return last
}

// nextNode is next for the value itself. ok is false after the last member.
func (m *members) nextNode() (key []byte, value node, ok bool) {
	key, start, ok := m.head()
	if !ok {
		return nil, nil, false
	}
	value, m.at = valueAt(m.b, start)
	return key, value, len(value) > 0
}

// valueAt returns the value that starts at b[at], and the index after it. Of an object
// or an array that is cut off it is what is left; empty: there is no value.
func valueAt(b []byte, at int) (value node, end int) {
	end = skipValue(b, at)
	if end < 0 {
		end = len(b)
		if at >= end || b[at] != '{' && b[at] != '[' {
			return nil, end
		}
	}
	return b[at:end], end
}
