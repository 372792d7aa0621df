package providertest

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
)

const (
	maxHits    = 4096     // hits that are kept
	maxHitBody = 64 << 10 // of each hit's body
	maxCounted = 4096     // credentials that are counted
)

// Hit is one call as it reached the fake. What [Fake.Hits] gives belongs to
// whoever asked for it.
type Hit struct {
	Method   string
	Path     string // decoded
	RawQuery string // as it was sent, keys and all
	Host     string

	// Operation is what the call asks for, as in the table of the package's
	// documentation: "chat", "files.content". "": the path is unknown.
	Operation string
	Model     string // from the body, the form or the path; "": none was found
	Stream    bool   // whether the call asks for a stream
	Key       string // the credential that counts, accepted or not; "": none

	// Credentials is every credential that was seen, also those that do not
	// count, by the header's or trailer's name, or by "query:" and the
	// parameter's name in lower case: Authorization, Cookie, query:key. They are
	// all that provider.StripCredentials removes, in any spelling.
	Credentials http.Header

	// Fields are the fields of a multipart body that are no files: at most 64 of
	// at most 4 KiB each. nil: the body is none, or could not be read.
	Fields url.Values

	Header        http.Header // all of them
	ContentLength int64       // as announced; -1: it was not
	Body          []byte      // at most 64 KiB
	Status        int         // of the answer; 0: none yet, or none ever
}

// hitLog keeps the last calls. It is guarded by its Fake's mutex.
type hitLog struct {
	ring  []*Hit // a ring once it is full
	first int    // the oldest
	count int
	byKey map[string]int
}

// Hits has the last calls, oldest first, at most 4096.
func (f *Fake) Hits() []Hit {
	f.mu.Lock()
	defer f.mu.Unlock()
	hits := make([]Hit, 0, len(f.log.ring))
	for _, h := range slices.Concat(f.log.ring[f.log.first:], f.log.ring[:f.log.first]) {
		c := *h
		c.Header, c.Credentials, c.Body = h.Header.Clone(), h.Credentials.Clone(), bytes.Clone(h.Body)
		c.Fields = url.Values(http.Header(h.Fields).Clone())
		hits = append(hits, c)
	}
	return hits
}

// Count is how many calls came, those included that were refused or are no
// longer kept.
func (f *Fake) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.count
}

// CountFor is how many of these came with this credential. The first 4096
// credentials are counted.
func (f *Fake) CountFor(key string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.byKey[key]
}

// add keeps a call and numbers it from 1.
func (l *hitLog) add(h *Hit) int {
	if len(l.ring) < maxHits {
		l.ring = append(l.ring, h)
	} else {
		l.ring[l.first] = h
		l.first = (l.first + 1) % maxHits
	}
	if l.byKey == nil {
		l.byKey = make(map[string]int)
	}
	if _, known := l.byKey[h.Key]; known || len(l.byKey) < maxCounted {
		l.byKey[h.Key]++
	}
	l.count++
	return l.count
}
