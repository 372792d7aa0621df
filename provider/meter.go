package provider

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// A Meter reads the body of an answer as it passes by and tells what it used.
//
// Write never fails, never keeps p and never changes it. A Meter keeps at most
// 1 MiB of a body, whatever comes: of an event of a stream that is longer than
// 448 KiB, or of a JSON body that is longer than 1 MiB, it keeps the end, and
// reads the usage if that stands in the last 64 KiB, as it tends to; the events
// after a long one are metered as before. The split into writes plays no part.
//
// Usage may be called at any time and as often as you like; at the body's end
// it counts a last event that lacks its blank line. A Meter is used by one
// goroutine at a time.
//
// The meters of this package have two more methods, to be found by a type
// assertion:
//
//	Failure() (Verdict, bool)  // an error found inside the good answer
//	Ended() bool               // the answer came to the end its API gives it
type Meter interface {
	io.Writer
	Usage() Usage
}

const (
	documentLimit = 1 << 20   // bytes of a body that are kept
	eventLimit    = 448 << 10 // bytes of an event that are kept; two of them may be, while lines are put together
	tailLimit     = 64 << 10  // bytes that are looked at of what is longer
	usageLimit    = 16 << 10  // bytes of a usage record that are kept
)

// A bodyForm is how a body is read.
type bodyForm uint8

const (
	undecided bodyForm = iota
	stream
	document
	ignored
)

// A meter is the Meter of all APIs; the protocol in its tally makes the
// difference.
type meter struct {
	tally  tally
	form   bodyForm
	frames framer
	doc    []byte // of a document
	cut    bool   // doc is only the end

	written int64 // bytes
	shown   tally // as it would be if the body ended after shownAt bytes
	shownAt int64
}

// newMeter is API.NewMeter.
func (pr *protocol) newMeter(op Operation, h http.Header) Meter {
	m := &meter{tally: tally{op: op, protocol: pr}, shownAt: -1}
	if op.Kind.keeps() || !readable(h) || isMedia(h.Get("Content-Type")) {
		m.form = ignored
	}
	return m
}

// isMedia reports whether a content type is of a body that holds no text.
func isMedia(contentType string) bool {
	for _, p := range [...]string{"audio/", "image/", "video/", "application/octet-stream"} {
		if strings.HasPrefix(contentType, p) {
			return true
		}
	}
	return false
}

// Write meters p.
func (m *meter) Write(p []byte) (int, error) {
	n := len(p)
	m.written += int64(n)
	if m.form == undecided {
		p = m.decide(p)
	}
	switch m.form {
	case stream:
		m.frames.write(p, &m.tally)
	case document:
		m.doc, m.cut = appendTail(m.doc, p, m.cut, documentLimit)
	}
	return n, nil
}

// decide chooses the form by the first byte that is neither white space nor of
// a byte order mark, and returns p from there. Content types lie often enough
// that the byte has the say: no JSON starts like a field of a stream, and no
// stream like an object.
func (m *meter) decide(p []byte) []byte {
	for i, c := range p {
		switch c {
		case ' ', '\t', '\r', '\n', 0xef, 0xbb, 0xbf:
			continue
		case '{', '[':
			m.form = document
		case 'd', 'e', 'i', 'r', ':': // data, event, id, retry, a comment
			m.form = stream
		default:
			m.form = ignored
		}
		return p[i:]
	}
	return nil
}

// Usage returns what was used so far.
func (m *meter) Usage() Usage {
	return m.current().result()
}

// Failure returns the verdict on an error inside a good answer, if there was
// one so far. Headers are not known here.
func (m *meter) Failure() (Verdict, bool) {
	t := m.current()
	return t.failure, t.failed
}

// Ended reports whether the end was seen that the API gives an answer: the
// terminal event of a stream, or a whole body. A stream that failed has not
// come to its end.
func (m *meter) Ended() bool {
	t := m.current()
	return t.ended
}

// current returns the tally as it would be if the body ended here.
func (m *meter) current() *tally {
	if m.shownAt == m.written {
		return &m.shown
	}
	t := m.tally
	t.last = bytes.Clone(t.last)
	switch m.form {
	case stream:
		m.frames.flush(&t)
	case document:
		doc := m.doc
		if m.cut {
			doc = tail(doc)
		}
		t.protocol.document(&t, doc, m.cut)
	}
	m.shown, m.shownAt = t, m.written
	return &m.shown
}

// fail notes the first failure in v, if there is one.
func (t *tally) fail(v gjson.Result) {
	if !t.failed {
		t.failure, t.failed = t.protocol.inGood(t.op, v, nil, time.Now())
	}
}

// appendTail appends p to b. Past limit only the end is kept, at least
// tailLimit bytes of it, and cut is set.
func appendTail(b, p []byte, cut bool, limit int) ([]byte, bool) {
	if n := len(b) + len(p); n <= limit {
		if n > cap(b) { // append would round up past the limit
			grown := make([]byte, len(b), min(limit, max(n, 2*cap(b))))
			copy(grown, b)
			b = grown
		}
		return append(b, p...), cut
	}
	p = tail(p)
	keep := min(len(b), tailLimit-len(p))
	copy(b, b[len(b)-keep:])
	return append(b[:keep], p...), true
}

// tail returns the last bytes of b, those that are looked at when b was cut.
func tail(b []byte) []byte { return b[max(0, len(b)-tailLimit):] }
