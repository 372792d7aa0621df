package provider

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Codings take the content codings off the bodies of requests, so that Describe
// and Rename can read them. The nil Codings know gzip and deflate; for others, as
// the zstd that some clients send (provider-facts 2.5), the map holds decoders by
// their names in lower case. A decoder returns the decoded bytes; what it returns
// is closed, and must not close what it reads from. Any number of goroutines may
// use Codings that nobody changes.
type Codings map[string]func(io.Reader) (io.ReadCloser, error)

// maxCodings bounds how many codings lie over each other in one body.
const maxCodings = 4

// Plain returns a request and the head of its body as they are without the
// body's content codings, for Describe and Rename to read. body is as much of it
// as is there; the result has at most limit bytes, and no coding beneath the
// last one is read for more than that, so that a small body cannot become a
// large one. whole says that text is all that body decodes to.
//
// The request returned has a header of its own, without Content-Encoding. Its
// Body is still the one that came, so it is for reading only: who sends text must
// drop Content-Encoding from the request that goes out. Where there is nothing to
// take off, or where nothing can be read because a coding is not known or is not
// what it says, r and body are returned as they came; whole is true then only
// where there is no coding.
func (c Codings) Plain(r *http.Request, body []byte, limit int64) (plain *http.Request, text []byte, whole bool) {
	names := codingsOf(r.Header)
	if len(names) == 0 {
		return r, body, true
	}
	text, err := c.decode(names, body, limit)
	if len(text) == 0 {
		return r, body, false
	}
	plain = r.WithContext(r.Context())
	plain.Header = r.Header.Clone()
	plain.Header.Del("Content-Encoding")
	plain.Header.Del("Content-Length")
	if plain.ContentLength = -1; err == nil {
		plain.ContentLength = int64(len(text))
	}
	return plain, text, err == nil
}

var (
	errCoding  = errors.New("a content coding is not known, or there are too many")
	errTooLong = errors.New("decoded bytes are beyond the limit")
)

// decode returns at most limit decoded bytes; also those before an error.
func (c Codings) decode(names []string, body []byte, limit int64) ([]byte, error) {
	if len(names) > maxCodings {
		return nil, errCoding
	}
	var under io.Reader = bytes.NewReader(body)
	for _, name := range slices.Backward(names) { // the last was put on last
		open := c.decoder(name)
		if open == nil {
			return nil, errCoding
		}
		decoded, err := open(under)
		if err != nil {
			return nil, err
		}
		defer func() { _ = decoded.Close() }() // it has nothing left to say
		under = &limited{decoded, limit}
	}
	var text bytes.Buffer
	_, err := text.ReadFrom(under)
	return text.Bytes(), err
}

// decoder returns what opens a coding; nil: nobody knows it.
func (c Codings) decoder(name string) func(io.Reader) (io.ReadCloser, error) {
	if open := c[name]; open != nil {
		return open
	}
	switch name {
	case "gzip", "x-gzip":
		return gunzip
	case "deflate":
		return inflate
	}
	return nil
}

func gunzip(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }

// inflate reads what RFC 9110 section 8.4.1.2 calls deflate, which is zlib's
// format, and the bare one that some take it for.
func inflate(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(2)
	if err != nil {
		return nil, err
	}
	const method, modulus = 8, 31 // RFC 1950 section 2.2
	if head[0]&0x0f == method && (int(head[0])<<8|int(head[1]))%modulus == 0 {
		return zlib.NewReader(b)
	}
	return flate.NewReader(b), nil
}

// limited is a reader that fails where more than left bytes come, so that a cut
// is never taken for an end.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if l.left < 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if int64(n) > l.left {
		n, err = int(l.left), errTooLong
		l.left = -1
		return n, err
	}
	l.left -= int64(n)
	return n, err
}

// codingsOf returns the content codings that a header names, in lower case and in
// the order in which they were put on; identity is none.
func codingsOf(h http.Header) (names []string) {
	for _, value := range h["Content-Encoding"] {
		for name := range strings.SplitSeq(value, ",") {
			if name = strings.ToLower(strings.TrimSpace(name)); name != "" && name != "identity" {
				names = append(names, name)
			}
		}
	}
	return names
}

// isCoded reports whether a body with this header has a content coding.
func isCoded(h http.Header) bool { return len(codingsOf(h)) > 0 }
