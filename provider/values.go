package provider

// values finds the JSON values that a body consists of, in whatever pieces it
// comes: one object; one object after the other, as in Ollama's lines; or the
// elements of one array, which a stream of Gemini's without alt=sse is. It
// does not allocate for a value that lies within one piece.
type values struct {
	base   int  // the depth at which values stand: 1 in an array
	depth  int  // of brackets that are open
	quoted bool // within a string
	odd    bool // and after an odd number of backslashes

	held []byte // the head of the value under way, or the tail of one too long
	cut  bool   // held is only a tail
	size int64  // bytes of the value under way, or of the last one
	done int    // values that came to their end

	list   bool  // the member of the value under way that is open is an array
	pieces int64 // objects in such arrays
}

// beyondError is how long a JSON value must be to be no error, whatever it
// still has to say.
const beyondError = 64 << 10

// write takes the next piece and gives each value that ends in it to t.
func (f *values) write(p []byte, t *tally) {
	start := 0 // of the value under way
	for at := 0; at < len(p); {
		if f.quoted {
			at = f.endString(p, at)
			continue
		}
		c := p[at]
		at++
		if !structural[c] {
			continue
		}
		switch c {
		case '"':
			f.quoted = true
		case '{', '[':
			if f.depth == 0 && f.done == 0 && c == '{' {
				if end := f.whole(p, at-1, t); end > 0 {
					at = end
					continue
				}
			}
			if f.depth == f.base {
				start = at - 1
			}
			f.open(c)
		default:
			if f.close() {
				f.end(p[start:at], t)
			}
		}
	}
	if f.depth > f.base {
		f.hold(p[start:])
		f.note(t)
	}
}

// whole gives the value that starts at p[start] to t, if it is a document that lies
// within the piece, and returns the index after it; 0: it is none. It goes over the
// value once, while write leaves it to t to see whether that is JSON.
func (f *values) whole(p []byte, start int, t *tally) int {
	if t.lines || t.op.Kind == OpImages { // whose pieces are counted
		return 0
	}
	end := validValue(p, start, maxDepth)
	if end < 0 {
		return 0
	}
	t.checked = true
	f.end(p[start:end], t)
	t.checked = false
	return end
}

// endString returns the index after the string that at is in, or p's length if
// it goes on.
func (f *values) endString(p []byte, at int) int {
	if f.odd {
		f.odd = false
		at++
	}
	end := skipString(p, at-1)
	if end >= 0 {
		f.quoted = false
		return end
	}
	for i := len(p) - 1; i >= at && p[i] == '\\'; i-- {
		f.odd = !f.odd
	}
	return len(p)
}

// open takes an opening bracket.
func (f *values) open(c byte) {
	if f.depth == 0 && c == '[' && f.done == 0 {
		f.base = 1
	}
	switch f.depth - f.base {
	case 0:
		f.size, f.pieces = 0, 0
	case 1:
		f.list = c == '['
	case 2:
		if f.list && c == '{' {
			f.pieces++
		}
	}
	f.depth++
}

// close takes a closing bracket and reports whether it ends a value.
func (f *values) close() bool {
	if f.depth == 0 {
		return false
	}
	f.depth--
	if f.depth < f.base { // the array is over
		f.base = 0
		return false
	}
	return f.depth == f.base
}

// hold keeps what must outlive the piece.
func (f *values) hold(p []byte) {
	f.size += int64(len(p))
	f.held, f.cut = appendTail(f.held, p, f.cut, documentLimit)
}

// note tells t if the value under way is too long for an error.
func (f *values) note(t *tally) {
	if f.size > beyondError && !t.failed {
		t.content = true
	}
}

// end gives the value that ends with rest to t.
func (f *values) end(rest []byte, t *tally) {
	value := rest
	var cut bool
	switch {
	case len(f.held) > 0:
		f.hold(rest)
		value, cut = f.held, f.cut
	default:
		f.size += int64(len(rest))
		cut = len(rest) > documentLimit
	}
	f.note(t)
	f.done++
	if cut {
		value = tail(value)
	}
	if f.base == 0 && f.done == 1 && !t.lines {
		f.document(value, cut, t)
	} else {
		if t.lines = true; t.plain == nil {
			t.plain = new(sample)
		}
		t.protocol.event(t, nil, value, cut)
	}
	f.held, f.cut = f.held[:0], false
	if cap(f.held) > tailLimit {
		f.held = nil
	}
}

// document gives a value that is a whole body to t.
func (f *values) document(value []byte, cut bool, t *tally) {
	t.protocol.document(t, value, cut)
	if t.op.Kind == OpImages && f.pieces > 0 && !t.failed {
		t.usage.Images = f.pieces // one object each, in the one array there is
		t.reported = true
	}
}

// flush gives t the usage in the tail of a value that is too long to keep and
// lacks its end. The values themselves stay as they are.
func (f *values) flush(t *tally) {
	if !f.unfinished() {
		return
	}
	g := *t
	g.protocol.document(&g, tail(f.held), true)
	t.usage, t.reported, t.last = g.usage, g.reported, g.last
}

// unfinished reports whether the value under way is too long to keep.
func (f *values) unfinished() bool { return f.depth != f.base && f.cut }
