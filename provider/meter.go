package provider

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"
)

// A Meter reads the body of an answer as it passes by and tells what it used.
//
// Write never fails, never keeps p and never changes it. A Meter keeps at most
// 1 MiB of a body, whatever comes: of an event of a stream that is longer than
// 448 KiB, or of a JSON value that is longer than 1 MiB, it keeps the end, and
// reads the usage if that stands in the last 64 KiB, as it tends to; the events
// after a long one are metered as before. The split into writes plays no part.
//
// Usage may be called at any time and as often as you like; at the body's end
// it counts a last event that lacks its blank line. A Meter is used by one
// goroutine at a time.
//
// The meters of this package have three more methods, to be found by a type
// assertion:
//
//	Failure() (Verdict, bool)  // an error found inside the good answer
//	Ended() bool               // the answer came to the end its API gives it
//	Content() bool             // content has passed, or the end without any
//
// Content is for those who hold the head of an answer back: once it is true, an
// error can no longer come in place of the content, and it stays true. In a
// stream it becomes so at the end of the first whole event with text, thoughts,
// arguments of a tool, sound or a picture, or with the reason why the answer
// ended; comments, pings, roles, empty deltas, usage and announcements change
// nothing. An answer that is one JSON value is judged when it is whole, or as
// soon as it is longer than 64 KiB, which no error is; blank lines before it do
// not count. A body that is neither, or is not to be read, is content from its
// first byte. Of an answer that failed before there was content Content says
// nothing.
type Meter interface {
	io.Writer
	Usage() Usage
}

const (
	documentLimit = 1 << 20   // bytes of a JSON value that are kept
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
	events bool   // the content type is that of a stream
	lead   []byte // bytes that may begin the first field of a stream

	values values
	frames *framer // of a stream; nil: none has begun

	written int64  // bytes
	shown   *tally // as it would be if the body ended after shownAt bytes; nil: not needed yet
	shownAt int64
}

// newMeter is API.NewMeter.
func (pr *protocol) newMeter(op Operation, h http.Header) Meter {
	m := &meter{tally: tally{op: op, protocol: pr}, shownAt: -1}
	kind, _, _ := strings.Cut(strings.ToLower(first(h, "Content-Type")), ";")
	kind = strings.TrimSpace(kind)
	m.events, m.tally.lines = kind == "text/event-stream", lineTypes[kind]
	if op.Kind.keeps() || !readable(h) || isMedia(kind) {
		m.form = ignored
	}
	return m
}

// lineTypes are the content types of one JSON value after the other.
var lineTypes = map[string]bool{
	"application/x-ndjson": true, "application/ndjson": true, "application/jsonl": true, "application/x-jsonlines": true,
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
		m.values.write(p, &m.tally)
	case ignored:
		m.tally.content = m.tally.content || n > 0
	}
	return n, nil
}

// decide chooses the form by the first bytes that are neither white space nor
// of a byte order mark, and returns what of p is still to be read. Content
// types lie often enough that the bytes have the say: no JSON starts like a
// field of a stream, and no stream like an object.
func (m *meter) decide(p []byte) []byte {
	if len(m.lead) == 0 {
		for len(p) > 0 && bytes.IndexByte(blank, p[0]) >= 0 {
			p = p[1:]
		}
	}
	if len(p) == 0 {
		return nil
	}
	switch {
	case len(m.lead) == 0 && (p[0] == '{' || p[0] == '['):
		m.form = document
		return p
	case m.events:
		m.stream()
		return p
	}
	for i, c := range p {
		m.lead = append(m.lead, c)
		if m.form = formOf(m.lead); m.form != undecided {
			if m.form == stream {
				m.stream()
				m.frames.write(m.lead, &m.tally)
			}
			m.lead = nil
			return p[i+1:]
		}
	}
	return nil
}

// stream makes the body one.
func (m *meter) stream() {
	m.form, m.frames = stream, new(framer)
	m.tally.plain = &m.frames.plain
}

// blank are white space and the bytes of a byte order mark.
var blank = []byte(" \t\r\n\xef\xbb\xbf")

// formOf tells a stream by its first field, a comment included, from text.
func formOf(lead []byte) bodyForm {
	for _, field := range [...]string{"data:", "event:", "id:", "retry:", ":"} {
		switch {
		case bytes.HasPrefix(lead, []byte(field)):
			return stream
		case strings.HasPrefix(field, string(lead)):
			return undecided
		}
	}
	return ignored
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

// Content reports whether content has passed, or the end without any.
func (m *meter) Content() bool { return m.tally.content }

// current returns the tally as it would be if the body ended here.
func (m *meter) current() *tally {
	if m.shownAt == m.written {
		return m.shown
	}
	if m.form != stream && !m.values.unfinished() && len(m.tally.last) == 0 {
		return &m.tally
	}
	if m.shown == nil {
		m.shown = new(tally)
	}
	last := append(m.shown.last[:0], m.tally.last...)
	*m.shown, m.shownAt = m.tally, m.written
	m.shown.last = last
	switch m.form {
	case stream:
		m.frames.flush(m.shown)
	case document:
		m.values.flush(m.shown)
	}
	return m.shown
}

// fail notes the first failure in v, of which o was read, if there is one.
func (t *tally) fail(v node, o *object) {
	if t.failed {
		return
	}
	if verdict, ok := t.protocol.inGood(&t.op, v, o, nil, time.Time{}); ok {
		t.failure, t.failed = verdict, true
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
