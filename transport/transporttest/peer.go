package transporttest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"sync"
)

// PeerStats are the counts of an [H1Peer] or an [H2Peer] at one moment.
type PeerStats struct {
	Accepted int   // connections accepted since the start
	Open     int   // connections open now
	Peak     int   // most connections open at once
	Requests int   // requests whose head has come since the start; on HTTP/2 those are streams
	Data     int64 // bytes of requests' bodies that the peer has read since the start, without framing
}

// peer is what scripted servers have in common: a port, TLS, and the books.
type peer struct {
	url    string
	addr   string
	tls    *tls.Config // nil: plain
	port   *port
	ledger *ledger // its lock guards requests and data too
	served sync.WaitGroup

	requests int
	data     int64
	closing  sync.Once
}

// start begins to listen. serve is called in a goroutine for each connection, above
// TLS, and the connection closes when it returns.
func (p *peer) start(config *tls.Config, serve func(*conn, net.Conn)) error {
	p.tls, p.ledger = config, newLedger()
	var err error
	p.port, err = newPort(func(tcp *net.TCPConn) {
		raw := p.ledger.add(tcp)
		p.served.Go(func() {
			defer raw.Close()
			if stream, err := p.secure(raw); err == nil {
				serve(raw, stream)
			}
		})
	})
	if err != nil {
		return fmt.Errorf("transporttest: peer: %w", err)
	}
	p.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port.number))
	p.url = "http://" + p.addr
	if config != nil {
		p.url = "https://" + p.addr
	}
	return nil
}

func (p *peer) secure(raw *conn) (net.Conn, error) {
	if p.tls == nil {
		return raw, nil
	}
	stream := tls.Server(raw, p.tls)
	return stream, stream.HandshakeContext(raw.ctx)
}

// request counts a request and returns its number, from 1.
func (p *peer) request() (number int) {
	p.ledger.update(func(*Stats) {
		p.requests++
		number = p.requests
	})
	return number
}

func (p *peer) received(n int) { p.ledger.update(func(*Stats) { p.data += int64(n) }) }

// URL returns the base of the peer without a slash at its end:
// http://127.0.0.1:port, or https://127.0.0.1:port with a CA.
func (p *peer) URL() string { return p.url }

// Addr returns 127.0.0.1:port.
func (p *peer) Addr() string { return p.addr }

// Accepted returns the number of connections accepted since the start.
func (p *peer) Accepted() int { return p.Stats().Accepted }

// Open returns the number of connections open now.
func (p *peer) Open() int { return p.Stats().Open }

// Requests returns how many requests have come since the start: their heads, whether
// or not anything followed.
func (p *peer) Requests() int { return p.Stats().Requests }

// Data returns how many bytes of requests' bodies the peer has read since the start.
func (p *peer) Data() int64 { return p.Stats().Data }

// Stats returns all counts of one moment.
func (p *peer) Stats() PeerStats {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	s := p.ledger.stats
	return PeerStats{Accepted: s.Accepted, Open: s.Open, Peak: s.Peak, Requests: p.requests, Data: p.data}
}

// Wait returns nil as soon as until is true of the counts, which may be at once; it
// asks again at every change. When the context ends first, it returns the context's
// cause. The condition must not block; it may call methods of the peer.
func (p *peer) Wait(ctx context.Context, until func(PeerStats) bool) error {
	return p.ledger.wait(ctx, func(Stats) bool { return until(p.Stats()) })
}

// CloseConnections cuts every open connection without a farewell and keeps
// listening. The contexts of their requests end. It does not wait for the Serve calls
// that use them.
func (p *peer) CloseConnections() { p.ledger.cut() }

// Close stops listening, cuts every connection and waits until nothing of the peer
// runs any more: a Serve of the config's must end when its request's context does. It
// may be called again, and then waits just the same. It must not be called by that
// Serve. The first call returns why the peer could not listen, if that ever happened.
func (p *peer) Close() error {
	var err error
	p.closing.Do(func() {
		if err = p.port.down(); err != nil {
			err = fmt.Errorf("transporttest: peer %s: %w", p.addr, err)
		}
		p.port.release()
		p.ledger.cut()
		p.served.Wait()
	})
	return err
}
