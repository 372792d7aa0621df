package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/aitransport/aitransport/transport/transporttest"
)

// h2Peer is an HTTP/2 server that does with each request what the test says, frame
// by frame.
type h2Peer struct {
	addr     string
	requests atomic.Int64 // HEADERS seen
	conns    atomic.Int64
}

// h2Stream is one request to an h2Peer.
type h2Stream struct {
	id   uint32
	conn *h2Conn
}

type h2Conn struct {
	net.Conn
	mu     sync.Mutex // guards writing
	framer *http2.Framer
	pongs  chan struct{}
}

// serveFrames starts an h2Peer. For each request it calls behave, in order, with the
// number of the request; frames are read on when that returns.
func serveFrames(t *testing.T, ca *transporttest.CA, behave func(n int64, s *h2Stream), settings ...http2.Setting) *h2Peer {
	t.Helper()
	certificate, err := ca.Certificate()
	require.NoError(t, err)
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}}
	p := &h2Peer{}
	p.addr = listen(t, func(tcp *net.TCPConn) {
		conn := tls.Server(tcp, config)
		if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		p.conns.Add(1)
		c := &h2Conn{Conn: conn, framer: http2.NewFramer(conn, conn), pongs: make(chan struct{}, 1)}
		c.write(func(f *http2.Framer) error { return f.WriteSettings(settings...) })
		p.serve(c, behave)
	})
	return p
}

func (p *h2Peer) url() string { return "https://" + p.addr }

func (p *h2Peer) serve(c *h2Conn, behave func(int64, *h2Stream)) {
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				c.write(func(f *http2.Framer) error { return f.WriteSettingsAck() })
			}
		case *http2.PingFrame:
			if frame.IsAck() {
				c.pongs <- struct{}{}
				continue
			}
			c.write(func(f *http2.Framer) error { return f.WritePing(true, frame.Data) })
		case *http2.HeadersFrame:
			behave(p.requests.Add(1), &h2Stream{frame.StreamID, c})
		}
	}
}

// write writes frames; an error shows when reading.
func (c *h2Conn) write(frames func(*http2.Framer) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = frames(c.framer)
}

// ping returns when the client has read all that was written before.
func (c *h2Conn) ping(ctx context.Context) error {
	c.write(func(f *http2.Framer) error { return f.WritePing(false, [8]byte{1}) })
	select {
	case <-c.pongs:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer sends a whole answer.
func (s *h2Stream) answer(body string) {
	s.begin()
	s.end(body)
}

// end sends the body of an answer.
func (s *h2Stream) end(body string) {
	s.conn.write(func(f *http2.Framer) error { return f.WriteData(s.id, true, []byte(body)) })
}

// goAway says that no streams after the last are taken.
func (s *h2Stream) goAway(last uint32) {
	s.conn.write(func(f *http2.Framer) error { return f.WriteGoAway(last, http2.ErrCodeNo, nil) })
}

// begin sends the head of an answer.
func (s *h2Stream) begin() {
	var block bytes.Buffer
	_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	s.conn.write(func(f *http2.Framer) error {
		return f.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: block.Bytes(), EndHeaders: true})
	})
}

// reset ends the stream with a code.
func (s *h2Stream) reset(code http2.ErrCode) {
	s.conn.write(func(f *http2.Framer) error { return f.WriteRSTStream(s.id, code) })
}
