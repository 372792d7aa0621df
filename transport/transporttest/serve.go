package transporttest

import (
	"context"
	"crypto/tls"
	"io"
	"net"
)

// accepted takes a connection from the port and serves it in a goroutine.
func (p *Proxy) accepted(tcp *net.TCPConn) {
	fault := p.takeFault()
	raw := p.ledger.add(tcp)
	p.served.Go(func() {
		defer raw.Close()
		p.serve(raw, fault)
	})
}

// takeFault returns the fault of the next connection.
func (p *Proxy) takeFault() Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	fault := p.fault
	if fault.Times > 0 {
		p.fault.Times--
		if p.fault.Times == 0 {
			p.fault = Fault{}
		}
	}
	return fault
}

// serve does the faults that come before the proxy's protocol, or speaks it.
func (p *Proxy) serve(raw *conn, fault Fault) {
	switch fault.Kind {
	case FaultReset:
		_ = raw.SetLinger(0)
		return
	case FaultHang:
		_, _ = io.Copy(io.Discard, raw)
		return
	case FaultGarbage:
		c := newClient(raw, raw)
		if _, err := c.buffer.Peek(1); err == nil {
			c.answer([]byte("\xfe\xfdthis is neither HTTP nor SOCKS nor TLS\xfc\xfb\r\n\r\n"))
		}
		return
	}
	if !fault.Kind.known() {
		return
	}
	c, ok := p.secure(raw)
	if !ok {
		return
	}
	p.speak(c, fault)
	c.close()
	c.settle()
}

// secure does the TLS of an https proxy.
func (p *Proxy) secure(raw *conn) (*client, bool) {
	if p.tls == nil {
		return newClient(raw, raw), true
	}
	stream := tls.Server(raw, p.tls)
	if err := stream.HandshakeContext(raw.ctx); err != nil {
		return nil, false
	}
	// A client that lets the proxy choose h2 would have to speak it now.
	return newClient(raw, stream), stream.ConnectionState().NegotiatedProtocol != "h2"
}

// asked remembers what a client asked for.
func (p *Proxy) asked(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.targets = append(p.targets, target)
}

// protected reports whether clients have to present credentials.
func (p *Proxy) protected() bool { return p.config.User != "" || p.config.Password != "" }

// authFailed counts a client without the right credentials.
func (p *Proxy) authFailed() { p.ledger.update(func(s *Stats) { s.AuthFailures++ }) }

// dial reaches a target. It ends when the client leaves meanwhile.
func (p *Proxy) dial(c *client, addr string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(c.raw.ctx)
	defer cancel()
	c.watch(cancel)
	return p.config.Dial(ctx, "tcp", addr)
}
