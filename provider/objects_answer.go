package provider

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// An ObjectFinder reads the body of a good answer as it passes by and tells the ids of
// things that now live in the account which gave it: a stored response, a file, a batch
// and its files, a container. They are the ids by which later requests name these
// things, in the same words as [Operation].Objects.
//
// It looks only at those members where the API puts such ids, whatever else an answer
// holds: what callers or models have written is not searched, and neither is what a file
// contains. Write never fails, never keeps p and never changes it. At most 100 ids of at
// most 512 bytes each are kept. A list, a stream, anything that does not make things as
// it goes is looked at for its first 1 MiB; the split into writes plays no part. A nil
// ObjectFinder finds nothing. It is used by one goroutine at a time.
type ObjectFinder struct {
	ids    answerIDs
	picker picker
	found  []string
	seen   int
	form   bodyForm
	events bool // the content type is that of a stream
	lines  dataLines
}

const (
	maxFound  = 100
	findLimit = 1 << 20
)

// NewObjectFinder returns a finder for the plain bytes of a good answer (2xx) with the
// header h to the operation, which an API of this package has described; nil: such an
// answer has no ids.
func NewObjectFinder(op Operation, h http.Header) *ObjectFinder {
	kind, _, _ := strings.Cut(strings.ToLower(first(h, "Content-Type")), ";")
	kind = strings.TrimSpace(kind)
	upload := uploadID(first(h, uploadURL))
	if op.ids.none() || upload == "" && (!readable(h) || isMedia(kind)) {
		return nil
	}
	f := &ObjectFinder{ids: op.ids, events: kind == "text/event-stream"}
	f.picker.found = f.add
	f.keep(upload)
	return f
}

// Objects returns the ids that were found so far, each once. It may be called at any
// time; what it returned before is the beginning of what it returns later, and is not to
// be changed.
func (f *ObjectFinder) Objects() []string {
	if f == nil {
		return nil
	}
	return slices.Clip(f.found)
}

// Write looks at p.
func (f *ObjectFinder) Write(p []byte) (int, error) {
	n := len(p)
	if f == nil || f.form == ignored {
		return n, nil
	}
	if room := findLimit - f.seen; !f.ids.whole && room < len(p) {
		p = p[:room]
	}
	f.seen += len(p)
	if f.form == undecided {
		p = f.decide(p)
	}
	switch f.form {
	case stream:
		f.lines.write(p, f)
	case document:
		f.picker.write(p)
	}
	if len(f.found) == maxFound || !f.ids.whole && f.seen == findLimit {
		f.form = ignored
	}
	return n, nil
}

// decide chooses the form by the first byte that is neither white space nor of a byte
// order mark, and returns what is still to be looked at.
func (f *ObjectFinder) decide(p []byte) []byte {
	for len(p) > 0 && bytes.IndexByte(blank, p[0]) >= 0 {
		p = p[1:]
	}
	switch {
	case len(p) == 0:
	case p[0] == '{':
		f.form = document
		f.picker.begin(f.ids.doc)
	case f.events, bytes.IndexByte(fieldStarts, p[0]) >= 0:
		f.form = stream
		f.picker.begin(f.ids.event)
	default:
		f.form = ignored
	}
	return p
}

// fieldStarts are what a stream of events can begin with.
var fieldStarts = []byte("deir:")

// add takes an id from where it stands.
func (f *ObjectFinder) add(p *pick, raw []byte) {
	id := plainText(raw)
	if p.uri {
		id, _, _ = strings.Cut(id, "?")
		if i := strings.LastIndexByte(id, '/'); i >= 0 {
			if method := strings.IndexByte(id[i:], ':'); method >= 0 {
				id = id[:i+method] // such as download
			}
		}
		id = geminiFile(id)
	}
	f.keep(id)
}

func (f *ObjectFinder) keep(id string) {
	if id != "" && len(id) <= maxObject && len(f.found) < maxFound && !slices.Contains(f.found, id) {
		f.found = append(f.found, id)
	}
}

// endEvent is called at the end of each event of a stream. Where things are not made on
// the way, the first event that names the answer says all.
func (f *ObjectFinder) endEvent() {
	if len(f.found) > 0 && !f.ids.whole {
		f.form = ignored
	}
	f.picker.begin(f.ids.event)
}

// dataLines finds the data in a stream of events, in whatever pieces it comes.
type dataLines struct {
	begun   int  // bytes of the line's name that were seen
	named   bool // the rest of the line is data
	other   bool // the rest of the line is not
	afterCR bool // a line feed that comes next belongs to the last line end
}

var dataName = []byte("data:")

// write takes the next piece and gives what is data to f's picker. The lines of one event
// are parts of one value, as JSON takes it.
func (l *dataLines) write(p []byte, f *ObjectFinder) {
	for len(p) > 0 && f.form == stream {
		if l.afterCR = l.afterCR && p[0] == '\n'; l.afterCR {
			l.afterCR = false
			p = p[1:]
			continue
		}
		end := bytes.IndexByte(p, '\n')
		line := p
		if end >= 0 {
			line = p[:end]
		}
		if cr := bytes.IndexByte(line, '\r'); cr >= 0 {
			end, line, l.afterCR = cr, p[:cr], true
		}
		l.part(line, f)
		if end < 0 {
			return
		}
		if l.begun == 0 && !l.named && !l.other { // a blank line
			f.endEvent()
		}
		l.begun, l.named, l.other = 0, false, false
		p = p[end+1:]
	}
}

// part takes a part of a line.
func (l *dataLines) part(p []byte, f *ObjectFinder) {
	for !l.named && !l.other && len(p) > 0 {
		if p[0] != dataName[l.begun] {
			l.other = true
			break
		}
		l.begun++
		l.named = l.begun == len(dataName)
		p = p[1:]
	}
	if l.named {
		f.picker.write(p)
	}
}

// uploadURL is the header in which Google says where the bytes of a file are to go that
// was announced (provider-facts 5.2).
const uploadURL = "X-Goog-Upload-Url"

// uploadID returns the id of an upload from the URL that it goes to; empty: there is none.
func uploadID(raw string) string {
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return queryUpload(u)
}

// queryUpload returns the id of an upload that a URL names.
func queryUpload(u *url.URL) string {
	if !strings.Contains(u.RawQuery, "upload_id=") {
		return ""
	}
	return u.Query().Get("upload_id")
}
