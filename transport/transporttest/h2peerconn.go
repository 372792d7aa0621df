package transporttest

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2Conn is one connection to an H2Peer. Its frames are read by one goroutine.
type h2Conn struct {
	peer   *H2Peer
	raw    *conn
	stream net.Conn // raw with TLS
	number int
	framer *http2.Framer
	last   uint32 // the latest stream

	writing sync.Mutex

	mu      sync.Mutex
	streams map[uint32]*H2Stream      // that are open on one side at least
	pings   map[[8]byte]chan struct{} // those not answered yet
	asked   uint64                    // PINGs sent
}

func newH2Conn(p *H2Peer, raw *conn, stream net.Conn) *h2Conn {
	const dynamicTable = 4096 // as the default settings promise
	c := &h2Conn{
		peer: p, raw: raw, stream: stream, framer: http2.NewFramer(stream, stream),
		streams: make(map[uint32]*H2Stream), pings: make(map[[8]byte]chan struct{}),
	}
	c.framer.ReadMetaHeaders = hpack.NewDecoder(dynamicTable, nil)
	return c
}

// write writes frames, one after another. That the connection has ended shows when
// reading.
func (c *h2Conn) write(frames func(*http2.Framer) error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if !c.peer.has(H2FaultSilent) {
		_ = frames(c.framer)
	}
}

// read serves frames until the connection ends.
func (c *h2Conn) read() {
	for {
		frame, err := c.framer.ReadFrame()
		var malformed http2.StreamError
		switch {
		case errors.As(err, &malformed):
			c.write(func(f *http2.Framer) error { return f.WriteRSTStream(malformed.StreamID, malformed.Code) })
		case err != nil:
			return
		default:
			c.serve(frame)
		}
	}
}

func (c *h2Conn) serve(frame http2.Frame) {
	switch frame := frame.(type) {
	case *http2.SettingsFrame:
		if !frame.IsAck() {
			c.write(func(f *http2.Framer) error { return f.WriteSettingsAck() })
		}
	case *http2.PingFrame:
		c.pinged(frame)
	case *http2.MetaHeadersFrame:
		c.headers(frame)
	case *http2.DataFrame:
		c.data(frame)
	case *http2.RSTStreamFrame:
		if s := c.find(frame.StreamID); s != nil {
			s.cancel()
			c.end(s, true, true)
		}
	}
}

func (c *h2Conn) find(id uint32) *H2Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.streams[id]
}

// end notes that a side of a stream has said all, and forgets it when both have.
func (c *h2Conn) end(s *H2Stream, client, peer bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.clientDone = s.clientDone || client
	s.peerDone = s.peerDone || peer
	if s.clientDone && s.peerDone {
		delete(c.streams, s.id)
	}
}

// headers begins a stream, or ends its request if they are trailers.
func (c *h2Conn) headers(frame *http2.MetaHeadersFrame) {
	s := c.find(frame.StreamID)
	if s == nil {
		if frame.StreamID <= c.last { // trailers of a stream that was reset
			return
		}
		c.last = frame.StreamID
		s = newH2Stream(c, frame)
		c.mu.Lock()
		c.streams[s.id] = s
		c.mu.Unlock()
		c.peer.served.Go(func() { c.peer.serve(s) })
	}
	if frame.StreamEnded() {
		s.complete()
	}
}

// data takes a piece of a request's body, and lets as much follow.
func (c *h2Conn) data(frame *http2.DataFrame) {
	c.peer.received(len(frame.Data()))
	size, s := frame.Length, c.find(frame.StreamID)
	if s != nil {
		s.append(frame.Data())
		if frame.StreamEnded() {
			s.complete()
		}
	}
	if size == 0 || c.peer.has(H2FaultNoWindow) {
		return
	}
	c.write(func(f *http2.Framer) error {
		if s != nil && !frame.StreamEnded() {
			return errors.Join(f.WriteWindowUpdate(0, size), f.WriteWindowUpdate(s.id, size))
		}
		return f.WriteWindowUpdate(0, size)
	})
}

func (c *h2Conn) pinged(frame *http2.PingFrame) {
	if !frame.IsAck() {
		if !c.peer.has(H2FaultNoPong) {
			c.write(func(f *http2.Framer) error { return f.WritePing(true, frame.Data) })
		}
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if answered := c.pings[frame.Data]; answered != nil {
		close(answered)
		delete(c.pings, frame.Data) // so that a second answer closes nothing
	}
}

// ping returns when the client has answered a PING.
func (c *h2Conn) ping(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	var data [8]byte
	answered := make(chan struct{})
	c.mu.Lock()
	c.asked++
	binary.BigEndian.PutUint64(data[:], c.asked)
	c.pings[data] = answered
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.pings, data)
	}()
	c.write(func(f *http2.Framer) error { return f.WritePing(false, data) })
	select {
	case <-answered:
		return nil
	case <-c.raw.ctx.Done():
		return net.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
