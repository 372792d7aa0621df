package provider

import (
	"bytes"
	"slices"
	"strings"
)

// A pick is a place in JSON and the places below it: what of a value is looked for.
type pick struct {
	members map[string]*pick // of an object
	each    *pick            // element of an array
	take    bool             // the value itself, if it is a string
	uri     bool             // which is the URI of a file
}

// picks makes one pick of paths: "data.#.id" is the member id of each element of the
// member data. A path that ends in uri is that of a URI.
func picks(paths ...string) *pick {
	root := new(pick)
	for _, path := range paths {
		at := root
		for name := range strings.SplitSeq(path, ".") {
			at = at.below(name)
		}
		at.take, at.uri = true, strings.HasSuffix(path, ".uri")
	}
	return root
}

func (p *pick) below(name string) *pick {
	if name == "#" {
		if p.each == nil {
			p.each = new(pick)
		}
		return p.each
	}
	if p.members == nil {
		p.members = make(map[string]*pick)
	}
	if p.members[name] == nil {
		p.members[name] = new(pick)
	}
	return p.members[name]
}

const (
	maxPickDepth = 8   // containers that a pick leads through
	maxPicked    = 512 // bytes of a string, as it stands in the JSON
)

// A picker finds what a pick looks for in a JSON value that comes in whatever pieces.
// It goes by the structure alone, so no text can pass for it, holds one string at a
// time, and takes what is not JSON for whatever it looks like.
type picker struct {
	found func(p *pick, raw []byte) // raw is a string between its quotation marks

	open   [maxPickDepth]*pick // the containers under way that have something
	lists  [maxPickDepth]bool  // which of these are arrays
	depth  int                 // of open
	beyond int                 // containers under way in the last of them that have nothing

	next   *pick // what is looked for in the value that comes next
	valued bool  // in an object, the next string is a value

	quoted bool   // within a string
	odd    bool   // and after an odd number of backslashes
	hold   bool   // and it is kept
	text   []byte // as much as there is of it
}

// begin starts with another value.
func (s *picker) begin(root *pick) {
	*s = picker{found: s.found, next: root, valued: true, text: s.text[:0]}
}

// write takes the next piece.
func (s *picker) write(p []byte) {
	for at := 0; at < len(p); {
		switch c := p[at]; {
		case s.quoted:
			at = s.inString(p, at)
			continue
		case c == '"':
			s.quoted = true
			s.hold = s.beyond == 0 && s.depth > 0 && (s.isKey() || s.next != nil && s.next.take)
		case c == '{' || c == '[':
			s.enter(c == '[')
		case c == '}' || c == ']':
			s.leave()
		case s.beyond > 0:
			at = nextStructural(p, at+1)
			continue
		case c == ':':
			s.valued = true
		case c == ',':
			s.another()
		}
		at++
	}
}

// isKey tells whether a string that begins now is a key.
func (s *picker) isKey() bool { return !s.valued && !s.lists[s.depth-1] }

// another makes ready for the next member or element.
func (s *picker) another() {
	s.next, s.valued = nil, false
	if s.depth > 0 && s.lists[s.depth-1] {
		s.next = s.open[s.depth-1].each
	}
}

// enter goes into a container, in which there may be nothing to look for.
func (s *picker) enter(list bool) {
	if s.beyond > 0 || s.next == nil || s.depth == maxPickDepth {
		s.beyond++
		return
	}
	s.open[s.depth], s.lists[s.depth] = s.next, list
	s.depth++
	s.another()
}

func (s *picker) leave() {
	switch {
	case s.beyond > 0:
		s.beyond--
	case s.depth > 0:
		s.depth--
	}
	s.next = nil
}

// inString returns the index after the string that at is in, or p's length if it goes
// on.
func (s *picker) inString(p []byte, at int) int {
	from := at
	if s.odd {
		s.odd = false
		at++
	}
	end := skipString(p, at-1)
	if end < 0 {
		for i := len(p) - 1; i >= at && p[i] == '\\'; i-- {
			s.odd = !s.odd
		}
		s.keep(p[from:])
		return len(p)
	}
	s.keep(p[from : end-1])
	s.quoted = false
	if s.hold {
		s.endString()
	}
	s.text = s.text[:0]
	return end
}

// keep holds a part of a string that matters. One that gets too long does not.
func (s *picker) keep(part []byte) {
	if s.hold = s.hold && len(s.text)+len(part) <= maxPicked; s.hold {
		s.text = append(s.text, part...)
	}
}

// endString takes a whole string that matters.
func (s *picker) endString() {
	if s.isKey() {
		s.next = s.open[s.depth-1].members[string(s.text)]
		return
	}
	s.found(s.next, s.text)
}

// plainText returns the text of a string that stands between its quotation marks.
func plainText(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	text, _ := unquote(slices.Concat(quote, raw, quote))
	return text
}
