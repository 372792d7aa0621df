package provider

import (
	"bytes"
	"io"

	"github.com/tidwall/gjson"
)

// WithoutUsage returns body, a text/event-stream, without the chunks that
// stream_options.include_usage adds: those with a usage and an empty list of
// choices. Everything else comes through byte for byte, comments at once and events
// once they are whole; one of more than 16 KiB is not looked at. Close closes body.
// It is used by one goroutine at a time, as readers are.
func WithoutUsage(body io.ReadCloser) io.ReadCloser {
	return &withoutUsage{ReadCloser: body}
}

// maxUsageEvent bounds what is held back to look at.
const maxUsageEvent = 16 << 10

// withoutUsage holds back an event until it is whole.
type withoutUsage struct {
	io.ReadCloser
	in    []byte // what was read last
	out   []byte // what of it may go
	ready []byte // of out, to be given out
	err   error  // of body, after what is ready

	held []byte // the event so far
	line int    // where in held the line starts that is not whole yet

	pass  bool // the event goes out as it comes: it is too long
	blank bool // while it does: nothing came of its line yet
	off   bool // so does everything: lines end in ways that are not known here
}

// Read gives out what may go.
func (w *withoutUsage) Read(p []byte) (int, error) {
	if w.in == nil {
		w.in, w.out = make([]byte, 4<<10), make([]byte, 0, 4<<10)
	}
	for len(w.ready) == 0 && w.err == nil && len(p) > 0 {
		var n int
		n, w.err = w.ReadCloser.Read(w.in)
		w.out = w.sift(w.out[:0], w.in[:n])
		if w.err != nil {
			w.out = w.release(w.out)
		}
		w.ready = w.out
	}
	n := copy(p, w.ready)
	w.ready = w.ready[n:]
	if len(w.ready) == 0 {
		return n, w.err
	}
	return n, nil
}

// sift adds to out what may go of part and of what was held.
func (w *withoutUsage) sift(out, part []byte) []byte {
	for len(part) > 0 && !w.off {
		if n := w.wholeEvent(part); n > 0 {
			if !isUsageChunk(part[:n]) {
				out = append(out, part[:n]...)
			}
			part = part[n:]
			continue
		}
		end, whole := bytes.IndexByte(part, '\n')+1, true
		if end == 0 {
			end, whole = len(part), false
		}
		if w.pass {
			out = w.let(out, part[:end], whole)
		} else {
			out = w.hold(out, part[:end], whole)
		}
		part = part[end:]
	}
	return append(out, part...)
}

// wholeEvent returns the length of the event that part begins with, if all of it is there
// and it is of the plain kind that needs not be held; else 0.
func (w *withoutUsage) wholeEvent(part []byte) int {
	if w.pass || len(w.held) > 0 || part[0] == ':' || part[0] == '\n' {
		return 0
	}
	n := bytes.Index(part, eventEnd) + len(eventEnd)
	if n < len(eventEnd) || n > maxUsageEvent || bytes.IndexByte(part[:n], '\r') >= 0 {
		return 0
	}
	return n
}

var eventEnd = []byte("\n\n")

// let passes a line on, or a piece of one, of an event that is not looked at.
func (w *withoutUsage) let(out, piece []byte, whole bool) []byte {
	w.blank = w.blank && len(bytes.TrimRight(piece, "\r\n")) == 0
	if whole {
		w.pass, w.blank = !w.blank, true
	}
	return append(out, piece...)
}

// hold keeps a line, or a piece of one, and lets the event go if that made it whole.
func (w *withoutUsage) hold(out, piece []byte, whole bool) []byte {
	w.held = append(w.held, piece...)
	line := w.held[w.line:]
	text := bytes.TrimRight(line, "\r\n")
	switch {
	case bytes.IndexByte(text, '\r') >= 0: // ends a line by itself
		w.off = true
		out = append(out, w.held...) // whatever it is: more of it may have gone already
		w.held, w.line = w.held[:0], 0
	case len(w.held) > maxUsageEvent:
		w.pass, w.blank = true, whole
		out = append(out, w.held...)
		w.held, w.line = w.held[:0], 0
	case !whole:
	case len(text) == 0:
		out = w.release(out)
	case w.line == 0 && line[0] == ':':
		out = append(out, line...)
		w.held = w.held[:0]
	default:
		w.line = len(w.held)
	}
	return out
}

// release lets go of what is held, unless it is what nobody asked for.
func (w *withoutUsage) release(out []byte) []byte {
	if !isUsageChunk(w.held) {
		out = append(out, w.held...)
	}
	w.held, w.line = w.held[:0], 0
	return out
}

// isUsageChunk reports whether an event has a usage and no choices. It has one line
// of data, and may have others of what else events have.
func isUsageChunk(event []byte) bool {
	var data []byte
	for line := range bytes.Lines(trimHead(event)) {
		value, ok := bytes.CutPrefix(line, []byte("data:"))
		if ok && data != nil {
			return false
		}
		if ok {
			data = value
		}
	}
	if usageKey.value(data, 0, len(data)) < 0 || !ValidJSON(data) {
		return false
	}
	v := gjson.ParseBytes(data)
	choices := v.Get("choices")
	return choices.IsArray() && choices.Get("#").Int() == 0 && v.Get("usage").IsObject()
}
