package transporttest

import (
	"errors"
	"io"
	"net"
)

// replies are a protocol's answers to a client that asked for a target.
type replies interface {
	opened(local net.Addr) []byte // the tunnel is open; local is the proxy's end towards the target, or nil
	refused(err error) []byte     // the target could not be reached
	ordered(fault Fault) []byte   // what FaultAnswer says
}

// spoil does the faults that strike before a target is reached for. It reports
// whether there was one.
func spoil(c *client, r replies, fault Fault) bool {
	switch fault.Kind {
	case FaultAnswer:
		c.answer(r.ordered(fault))
	case FaultCutHandshake:
		whole := r.opened(nil)
		c.cut(whole[:len(whole)/2])
	case FaultHangConnect:
		c.discard()
	default:
		return false
	}
	return true
}

// tunnel answers a client that asked for a connection to addr, and serves the
// connection to its end.
func (p *Proxy) tunnel(c *client, addr string, r replies, fault Fault) {
	if spoil(c, r, fault) {
		return
	}
	switch fault.Kind {
	case FaultCutTunnel, FaultHangTunnel:
		p.fakeTunnel(c, r, fault)
		return
	}
	target, err := p.dial(c, addr)
	if err != nil {
		c.answer(r.refused(err))
		return
	}
	defer target.Close()
	c.raw.attach(target)
	p.countTunnel()

	uploaded := make(chan struct{})
	go func() {
		defer close(uploaded)
		upload(c, target)
	}()
	if open(c, target, r, fault) == nil {
		download(c, target, fault)
	}
	<-uploaded
}

func (p *Proxy) countTunnel() { p.ledger.update(func(s *Stats) { s.Tunnels++ }) }

// fakeTunnel says that a tunnel is open which leads nowhere.
func (p *Proxy) fakeTunnel(c *client, r replies, fault Fault) {
	p.countTunnel()
	if _, err := c.Write(r.opened(nil)); err != nil {
		return
	}
	if fault.Kind == FaultCutTunnel {
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			return
		}
		c.cut(nil)
		return
	}
	c.discard()
}

// open tells the client that the tunnel is open.
func open(c *client, target net.Conn, r replies, fault Fault) error {
	answer := r.opened(target.LocalAddr())
	if fault.Kind == FaultEarlyBytes {
		early := make([]byte, 4<<10)
		n, err := target.Read(early)
		if err != nil && n == 0 && !errors.Is(err, io.EOF) {
			c.close()
			return err
		}
		answer = append(answer, early[:n]...)
	}
	if _, err := c.Write(answer); err != nil {
		c.close()
		return err
	}
	return nil
}

// upload carries what the client sends to the target, until the client ends.
func upload(c *client, target net.Conn) {
	readErr, writeErr := pump(target, c)
	switch {
	case writeErr != nil: // The target is gone, but its last words may still be on their way to the client.
		c.discard()
	case errors.Is(readErr, io.EOF):
		closeWrite(target)
	default:
		c.close()
	}
}

// download carries what the target sends to the client, until the target ends
// or the fault says so.
func download(c *client, target net.Conn, fault Fault) {
	var source io.Reader = target
	if fault.Kind == FaultCutBody {
		source = &cutReader{source: target, left: fault.After}
	}
	readErr, writeErr := pump(c, source)
	switch {
	case writeErr != nil:
		c.close()
	case errors.Is(readErr, io.EOF):
		c.closeWrite()
	default:
		_ = target.Close()
		_ = c.raw.CloseWrite()
	}
}

// closeWrite half-closes a connection, or closes it if it knows no better.
func closeWrite(target net.Conn) {
	if half, ok := target.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	_ = target.Close()
}
