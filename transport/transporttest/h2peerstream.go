package transporttest

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// H2Stream is one request to an [H2Peer]. Its methods may be called by several
// goroutines at once, also after Serve has returned. What is written when the
// connection has ended goes nowhere.
type H2Stream struct {
	id           uint32
	number       int
	method, path string
	header       http.Header
	conn         *h2Conn
	ctx          context.Context
	cancel       context.CancelFunc

	clientDone, peerDone bool // nothing more is to come from that side; guarded by conn.mu

	ended chan struct{} // closed when the client has sent all
	once  sync.Once
	mu    sync.Mutex
	body  []byte
}

func newH2Stream(c *h2Conn, frame *http2.MetaHeadersFrame) *H2Stream {
	s := &H2Stream{
		id: frame.StreamID, number: c.peer.request(), conn: c, ended: make(chan struct{}),
		method: frame.PseudoValue("method"), path: frame.PseudoValue("path"), header: make(http.Header),
	}
	for _, field := range frame.RegularFields() {
		s.header.Add(field.Name, field.Value)
	}
	s.ctx, s.cancel = context.WithCancel(c.raw.ctx)
	return s
}

func (s *H2Stream) append(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body = append(s.body, p...)
}

// complete notes that the client has sent all.
func (s *H2Stream) complete() {
	s.once.Do(func() { close(s.ended) })
	s.conn.end(s, true, false)
}

// ID returns the stream's identifier, which GOAWAY refers to.
func (s *H2Stream) ID() uint32 { return s.id }

// Number returns how many requests the peer has had, with this one.
func (s *H2Stream) Number() int { return s.number }

// Conn returns the number of the stream's connection, from 1, in the order in which
// clients began to speak HTTP/2.
func (s *H2Stream) Conn() int { return s.conn.number }

// Method returns the request's method.
func (s *H2Stream) Method() string { return s.method }

// Path returns the request's path with its query.
func (s *H2Stream) Path() string { return s.path }

// Header returns a copy of the request's header.
func (s *H2Stream) Header() http.Header { return s.header.Clone() }

// Context ends when either side resets the stream, and with the connection. It goes
// on when the answer has ended.
func (s *H2Stream) Context() context.Context { return s.ctx }

// ReadBody returns the request's body when the client has sent all of it. The error
// is [net.ErrClosed] if the stream ended before; what had come until then is
// returned with it. The peer takes bodies whether or not anybody asks for them.
func (s *H2Stream) ReadBody() ([]byte, error) {
	var err error
	select {
	case <-s.ended:
	case <-s.ctx.Done():
		select {
		case <-s.ended:
		default:
			err = net.ErrClosed
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.body), err
}

// Answer sends a whole answer. The header may be nil.
func (s *H2Stream) Answer(status int, header http.Header, body string) {
	s.Begin(status, header)
	s.Data(body)
	s.End()
}

// Begin sends the head of an answer: HEADERS without END_STREAM. The header may be
// nil, and must fit into one frame of 16 KiB.
func (s *H2Stream) Begin(status int, header http.Header) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block) // a new one knows no table, and so refers to none
	_ = encoder.WriteField(hpack.HeaderField{Name: ":status", Value: strconv.Itoa(status)})
	for name, values := range header {
		for _, value := range values {
			_ = encoder.WriteField(hpack.HeaderField{Name: strings.ToLower(name), Value: value})
		}
	}
	s.conn.write(func(f *http2.Framer) error {
		return f.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: block.Bytes(), EndHeaders: true})
	})
}

// Data sends a piece of the answer's body, in as many frames as it needs. It does not
// wait for the client's windows.
func (s *H2Stream) Data(piece string) {
	const maxFrame = 16 << 10
	s.conn.write(func(f *http2.Framer) error {
		for part := range slices.Chunk([]byte(piece), maxFrame) {
			if err := f.WriteData(s.id, false, part); err != nil {
				return err
			}
		}
		return nil
	})
}

// End ends the answer: an empty DATA with END_STREAM.
func (s *H2Stream) End() {
	s.conn.write(func(f *http2.Framer) error { return f.WriteData(s.id, true, nil) })
	s.conn.end(s, false, true)
}

// Reset ends the stream with RST_STREAM.
func (s *H2Stream) Reset(code http2.ErrCode) {
	s.conn.write(func(f *http2.Framer) error { return f.WriteRSTStream(s.id, code) })
	s.cancel()
	s.conn.end(s, true, true)
}

// GoAway announces on the stream's connection that streams after the last were not
// and will not be processed. The connection stays open.
func (s *H2Stream) GoAway(last uint32, code http2.ErrCode) {
	s.conn.write(func(f *http2.Framer) error { return f.WriteGoAway(last, code, nil) })
}

// Ping sends a PING on the stream's connection and returns when the client has
// answered it, and so has read all that was written before. When the context ends
// first, it returns the context's cause; when the connection does, [net.ErrClosed].
func (s *H2Stream) Ping(ctx context.Context) error { return s.conn.ping(ctx) }

// Close ends the stream's connection, and so all streams on it, without a GOAWAY: by
// TLS's close_notify and a FIN, which becomes a reset if the client is just sending.
func (s *H2Stream) Close() { _ = s.conn.stream.Close() }
