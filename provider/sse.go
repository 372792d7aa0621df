package provider

import (
	"bytes"
)

// A framer finds the events of a text/event-stream in whatever pieces it comes
// (https://html.spec.whatwg.org/multipage/server-sent-events.html), without
// allocating for an event that lies within one piece. It also takes a line
// that starts like JSON as data without its field name: Gemini ends streams
// with such errors (genai).
type framer struct {
	line    []byte // the head of a line, or the tail of one too long
	lineCut bool   // line is only a tail, of a line that had data
	skip    bool   // the line is too long and of no use

	view  []byte // the data of the event so far: in the piece or in data
	data  []byte // what has to outlive the piece
	owned bool   // view is in data
	lines int    // of data in the event
	cut   bool   // view is only a tail

	name    [64]byte // of the event; a longer one is cut
	nameLen int

	plain sample // of the events

	afterCR bool // a line feed that comes next belongs to the last line end
}

// write takes the next piece and gives each event that ends in it to t.
func (f *framer) write(p []byte, t *tally) {
	if f.afterCR && len(p) > 0 {
		f.afterCR = false
		if p[0] == '\n' {
			p = p[1:]
		}
	}
	cr := bytes.IndexByte(p, '\r')
	for len(p) > 0 {
		if cr < 0 && p[0] == '\n' { // most often
			f.endLine(nil, t)
			p = p[1:]
			continue
		}
		end := bytes.IndexByte(p, '\n')
		if cr >= 0 && (end < 0 || cr < end) {
			end = cr
		}
		if end < 0 {
			break
		}
		f.endLine(p[:end], t)
		next := end + 1
		if end == cr {
			if next == len(p) {
				f.afterCR = true
			} else if p[next] == '\n' {
				next++
			}
		}
		p = p[next:]
		switch {
		case cr >= next:
			cr -= next
		case cr >= 0:
			cr = bytes.IndexByte(p, '\r')
		}
	}
	f.hold(p)
}

// hold keeps what must outlive the piece: data seen, and the head of a line.
func (f *framer) hold(p []byte) {
	if f.view != nil && !f.owned {
		f.data = append(f.data[:0], f.view...)
		f.view, f.owned = f.data, true
	}
	f.extend(p)
}

// extend adds p to the line that is put together, within the bound.
func (f *framer) extend(p []byte) {
	if len(p) == 0 || f.skip {
		return
	}
	if !f.lineCut && len(f.line)+len(p) > eventLimit {
		var head [len("data:")]byte
		n := copy(head[:], f.line)
		copy(head[n:], p)
		if _, ok := dataOf(head[:]); !ok {
			f.skip, f.line = true, f.line[:0]
			return
		}
	}
	f.line, f.lineCut = appendTail(f.line, p, f.lineCut, eventLimit)
}

// endLine takes the rest of a line, its end not included.
func (f *framer) endLine(rest []byte, t *tally) {
	if len(f.line) == 0 && !f.skip {
		f.process(rest, t)
		return
	}
	f.extend(rest)
	if f.skip {
		f.skip = false
	} else {
		f.processHeld(t)
	}
}

// processHeld processes the line that was put together. Where it has data its
// buffer changes places with that of the data, so that it need not be copied.
func (f *framer) processHeld(t *tally) {
	line, cut := f.line, f.lineCut
	f.lineCut = false
	value, ok := dataOf(line)
	if cut {
		value = tail(line)
	}
	if cut || ok && f.lines == 0 {
		f.line, f.data = f.data[:0], line
		f.view, f.owned, f.cut = value, true, cut
		f.lines++
		return
	}
	f.process(line, t)
	f.line = f.line[:0]
}

// process takes a whole line.
func (f *framer) process(line []byte, t *tally) {
	if len(line) == 0 {
		f.dispatch(t)
		return
	}
	value, ok := dataOf(line)
	switch {
	case ok && len(line) > eventLimit:
		f.view, f.owned, f.cut = tail(value), false, true
		f.lines++
	case ok:
		f.addData(value)
	case len(line) > eventLimit:
	default:
		if name, ok := bytes.CutPrefix(line, eventField); ok {
			f.nameLen = copy(f.name[:], bytes.TrimPrefix(name, space))
		}
	}
}

var (
	eventField = []byte("event:")
	space      = []byte(" ")
)

// dataOf returns a line's data, and whether it has any.
func dataOf(line []byte) (value []byte, ok bool) {
	if len(line) >= 5 && string(line[:5]) == "data:" {
		if len(line) > 5 && line[5] == ' ' {
			return line[6:], true
		}
		return line[5:], true
	}
	if len(line) > 0 {
		switch line[0] {
		case '{', '}', '[', ']', '"', ' ', '\t', ',':
			return line, true
		}
	}
	return nil, false
}

// addData adds a line of data to the event.
func (f *framer) addData(value []byte) {
	f.lines++
	if f.lines == 1 {
		f.view, f.owned = value, false
		return
	}
	if f.cut {
		return
	}
	if len(f.view)+1+len(value) > eventLimit {
		f.view, f.cut = f.view[:0], true
		return
	}
	if !f.owned {
		f.data = append(f.data[:0], f.view...)
	}
	from := len(f.data) - len(f.view) // the view is where the data ends
	f.data = append(f.data, '\n')
	f.data = append(f.data, value...)
	f.view, f.owned = f.data[from:], true
}

// dispatch gives the event to t and starts the next.
func (f *framer) dispatch(t *tally) {
	if f.lines > 0 {
		t.protocol.event(t, f.name[:f.nameLen], f.view, f.cut)
	}
	f.view, f.owned, f.lines, f.cut, f.nameLen = nil, false, 0, false, 0
	f.data = f.data[:0]
	if cap(f.data) > tailLimit {
		f.data = nil
	}
}

// flush gives t the event that the body ends in, if it is whole but for its
// blank line. The framer itself stays as it is.
func (f *framer) flush(t *tally) {
	g := *f
	if len(g.line) > 0 {
		if g.lines > 0 { // the lines may be joined, in f's own buffer
			g.data = bytes.Clone(f.view)
			g.view, g.owned = g.data, true
		}
		g.endLine(nil, t)
	}
	if g.lines > 0 && !g.cut && (ValidJSON(g.view) || bytes.HasPrefix(g.view, doneMark)) {
		g.dispatch(t)
	}
}
