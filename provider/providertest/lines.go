package providertest

import (
	"bytes"
	"encoding/json"
)

// Lines says how the events of a server-sent stream are written, in ways that
// the standard allows or that are seen. The zero Lines are the provider's own:
// lines end with \n, Gemini's with \r\n, and a space follows the colon.
type Lines struct {
	End     string // of a line: "\n", "\r\n" or "\r"; "": the provider's own
	NoSpace bool   // data:{…} for data: {…}
	Split   bool   // the data of each event in two data lines, parted where JSON allows it; [DONE] stays whole
	BOM     bool   // a byte order mark at the very beginning

	NoLastBlank bool // no blank line after the last event
	NoLastEnd   bool // nor a line end
}

// Lines is the same step with the events of its stream written in this way.
func (s Step) Lines(l Lines) Step {
	s.wire.lines = l
	return s.good()
}

const byteOrderMark = "\ufeff"

// event is one event of a stream as it goes out.
func (l Lines) event(e event, last bool) []byte {
	var b bytes.Buffer
	line := func(field string, value []byte) {
		b.WriteString(field + ":")
		if !l.NoSpace {
			b.WriteByte(' ')
		}
		b.Write(value)
		b.WriteString(l.End)
	}
	if e.name != "" {
		line("event", []byte(e.name))
	}
	head, tail := e.data, []byte(nil)
	if l.Split {
		head, tail = halved(e.data)
	}
	line("data", head)
	if tail != nil {
		line("data", tail)
	}
	switch {
	case last && l.NoLastEnd:
		b.Truncate(b.Len() - len(l.End))
	case last && l.NoLastBlank:
	default:
		b.WriteString(l.End)
	}
	return b.Bytes()
}

// halved parts JSON in two at the comma nearest to its middle that stands in no
// string; a line end there changes nothing. A nil tail: there is none.
func halved(data []byte) (head, tail []byte) {
	if !json.Valid(data) {
		return data, nil
	}
	at, inString := -1, false
	for i := 0; i < len(data) && (at < 0 || i <= len(data)/2); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case c == ',' && !inString:
			at = i
		}
	}
	if at < 0 {
		return data, nil
	}
	return data[:at+1], data[at+1:]
}

// comment is a block of a stream that is no event, with the stream's line ends:
// what stands in it with \n.
func (l Lines) comment(block string) []byte {
	return bytes.ReplaceAll([]byte(block), []byte("\n"), []byte(l.End))
}
