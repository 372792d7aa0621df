package transport

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Decoder reads a content coding: what it returns gives the decoded bytes. It is
// closed once, when the answer is, and must not close what it reads from.
type Decoder func(io.Reader) (io.ReadCloser, error)

// maxCodings bounds how many codings lie over each other in one answer.
const maxCodings = 4

// Decode gives callers the bytes of an answer without its content coding: gzip and
// deflate, and those for which a Decoder is given by name, such as br and zstd. A
// coding that the request's own Accept-Encoding names is left alone, since its
// sender will decode it; so is one that nobody knows. The layer itself never asks
// for compression.
//
// A decoded answer has neither Content-Encoding nor Content-Length, and
// Uncompressed is true.
func Decode(more map[string]Decoder) Middleware {
	decoders := map[string]Decoder{"gzip": gunzip, "x-gzip": gunzip, "deflate": inflate}
	for name, d := range more {
		decoders[strings.ToLower(name)] = d
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err == nil && len(resp.Header["Content-Encoding"]) > 0 {
				decode(req, resp, decoders)
			}
			return resp, err
		})
	}
}

func gunzip(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }

// inflate reads both things that are called deflate: zlib's format, which is meant,
// and the bare one, which some servers send.
func inflate(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(2)
	if err != nil {
		return nil, err
	}
	const deflateMethod, checkModulus = 8, 31
	if head[0]&0x0f == deflateMethod && (int(head[0])<<8|int(head[1]))%checkModulus == 0 {
		return zlib.NewReader(b)
	}
	return flate.NewReader(b), nil
}

// decode replaces the body, if it knows all of its codings and was not asked to
// leave them.
func decode(req *http.Request, resp *http.Response, known map[string]Decoder) {
	if bodiless(resp) || req.Method == http.MethodHead || resp.StatusCode == http.StatusPartialContent {
		return
	}
	var names []string
	for _, value := range resp.Header["Content-Encoding"] {
		for name := range strings.SplitSeq(strings.ToLower(value), ",") {
			if name = strings.TrimSpace(name); name != "" && name != "identity" {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 || len(names) > maxCodings {
		return
	}
	body := resp.Body
	for _, name := range slices.Backward(names) { // the last was put on last
		d, ok := known[name]
		if !ok || asksFor(req, name) {
			return
		}
		body = &decoded{under: body, coding: name, decode: d}
	}
	resp.Body = body
	resp.Header = maps.Clone(resp.Header)
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength, resp.Uncompressed = -1, true
}

// asksFor tells whether a request's Accept-Encoding names a coding.
func asksFor(req *http.Request, coding string) bool {
	for _, value := range req.Header["Accept-Encoding"] {
		for entry := range strings.SplitSeq(value, ",") {
			name, weight, _ := strings.Cut(strings.ToLower(entry), ";")
			q, weighed := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			refused := weighed && strings.Trim(q, "0.") == ""
			if strings.TrimSpace(name) == coding && !refused {
				return true
			}
		}
	}
	return false
}

// decoded is a body without one of its codings. The coding is begun at the first
// Read, so that nobody waits for bytes before asking for them.
type decoded struct {
	under  io.ReadCloser
	coding string
	decode Decoder

	closed atomic.Bool
	mu     sync.Mutex // held while a Read waits
	reader io.ReadCloser
	err    error // sticky
}

func (d *decoded) Read(p []byte) (int, error) {
	defer d.end() // if it was closed meanwhile
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return 0, d.err
	}
	if d.reader == nil {
		r, err := d.decode(d.under)
		if err != nil {
			d.err = d.failure(err)
			return 0, d.err
		}
		d.reader = r
	}
	n, err := d.reader.Read(p)
	if err == io.EOF { //nolint:errorlint // readers return it bare
		err = d.drain()
	}
	if err != nil {
		d.err = d.failure(err)
	}
	return n, d.err
}

// maxBehind is how much may lie behind the end of what was coded.
const maxBehind = 64 << 10

// drain reads the answer itself to its end, behind which its trailers are: codings
// have end marks of their own, and decoders stop there.
func (d *decoded) drain() error {
	n, err := io.Copy(io.Discard, io.LimitReader(d.under, maxBehind))
	if err != nil {
		return err
	}
	if n == maxBehind {
		return errTooMuchBehind
	}
	return io.EOF
}

var errTooMuchBehind = errors.New("too much follows the end of what was coded")

// failure keeps EOF bare; anything else says where it happened.
func (d *decoded) failure(err error) error {
	if err == io.EOF { //nolint:errorlint // readers return it bare
		return err
	}
	return fmt.Errorf("transport: decoding the answer's %s: %w", d.coding, err)
}

// Close ends the body, and then the decoder. It may be called more than once, and
// while a Read waits.
func (d *decoded) Close() error {
	err := d.under.Close()
	d.closed.Store(true)
	d.end()
	return err
}

// end closes the decoder of a closed body, once. A Read that is under way does it
// when it is over.
func (d *decoded) end() {
	if !d.closed.Load() || !d.mu.TryLock() {
		return
	}
	defer d.mu.Unlock()
	if d.reader != nil {
		_ = d.reader.Close() // it has nothing left to say
		d.reader = nil
	}
	if d.err == nil {
		d.err = http.ErrBodyReadAfterClose
	}
}
