package transporttest

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"sync"
)

// Proxy is a forward proxy on a free port of 127.0.0.1 that does wrong what its
// Fault says. All methods may be called by several goroutines at once.
//
// An HTTP proxy serves CONNECT and absolute-form http requests. It asks for
// Basic credentials, removes hop-by-hop fields, adds "Via: 1.1 transporttest"
// in both directions, and keeps the client's connection for further requests;
// each request has a connection to the target of its own. A target that cannot
// be reached is a 502, or a 504 when dialling timed out.
//
// A SOCKS5 proxy (RFC 1928, 1929) takes CONNECT to IPv4 and IPv6 addresses and
// to names. A target that cannot be reached is reply 5 when it refused, 3 or 4
// when its network, its host or its name was not found, and 1 otherwise.
// SOCKS4 takes IPv4 addresses and the names of SOCKS4a; its answer for all of
// these is 91, and 93 for the wrong USERID.
//
// When one side of a tunnel ends what it sends, the other side is told so by a
// half-close, and the opposite direction goes on. A target connection without
// CloseWrite is closed instead.
type Proxy struct {
	config ProxyConfig
	tls    *tls.Config // nil: the proxy itself is spoken to in the clear
	addr   string
	speak  func(*client, Fault)
	ledger *ledger
	served sync.WaitGroup // goroutines of connections

	closing   sync.Once
	listening sync.Mutex // guards the three below: one goroutine at a time changes what listens
	port      *port
	closed    bool
	failure   error // of listening; reported by Close

	mu      sync.Mutex
	fault   Fault
	targets []string
}

// NewProxy starts a proxy; whoever calls it closes it. It fails when the scheme
// or the fault is unknown, when an https proxy has no CA, or when there is no
// free port.
func NewProxy(config ProxyConfig) (*Proxy, error) {
	config.Scheme = cmp.Or(config.Scheme, "http")
	if !config.Fault.Kind.known() {
		return nil, fmt.Errorf("transporttest: proxy: unknown fault %v", config.Fault.Kind)
	}
	if config.Dial == nil {
		config.Dial = new(net.Dialer).DialContext
	}
	p := &Proxy{config: config, ledger: newLedger()}
	if err := p.setScheme(); err != nil {
		return nil, err
	}
	var err error
	if p.port, err = newPort(p.accepted); err != nil {
		return nil, fmt.Errorf("transporttest: proxy: %w", err)
	}
	p.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port.number))
	p.SetFault(config.Fault)
	if p.failure != nil {
		return nil, p.Close()
	}
	return p, nil
}

// setScheme chooses the protocol to speak and prepares TLS for it.
func (p *Proxy) setScheme() error {
	switch p.config.Scheme {
	case "http", "https":
		p.speak = p.serveHTTP
	case "socks5", "socks5h":
		p.speak = p.serveSOCKS5
	case "socks4", "socks4a":
		p.speak = p.serveSOCKS4
	default:
		return fmt.Errorf("transporttest: proxy: unknown scheme %q", p.config.Scheme)
	}
	if p.config.Scheme != "https" {
		return nil
	}
	if p.config.CA == nil {
		return errors.New("transporttest: an https proxy needs a CA")
	}
	var err error
	p.tls, err = p.config.CA.serverConfig(p.config.ClientCA, nil)
	if err == nil && p.config.HTTP2 {
		p.tls.NextProtos = []string{"h2", "http/1.1"}
	}
	return err
}

// URL returns scheme://user:password@127.0.0.1:port, where the user info is
// percent-encoded and left out if there is none. The password is in it: this is
// how a test gets at it.
func (p *Proxy) URL() string {
	u := url.URL{Scheme: p.config.Scheme, Host: p.addr}
	switch {
	case p.config.Password != "":
		u.User = url.UserPassword(p.config.User, p.config.Password)
	case p.config.User != "":
		u.User = url.User(p.config.User)
	}
	return u.String()
}

// Addr returns 127.0.0.1:port. It stays the same for the life of the proxy.
func (p *Proxy) Addr() string { return p.addr }

// SetFault orders a fault for connections accepted from now on; those that are
// open keep the one they have, so that a client which may reuse connections
// needs CloseConnections too. After FaultDown has been set, connections are
// refused when SetFault returns; after any other kind, the proxy listens. Should
// the port be lost, which takes a fault of the operating system, the proxy stays
// down and Close returns the reason. A closed proxy stays closed.
func (p *Proxy) SetFault(fault Fault) {
	p.listening.Lock()
	defer p.listening.Unlock()
	if p.closed {
		return
	}
	if fault.Kind == FaultDown {
		p.failure = errors.Join(p.failure, p.port.down())
	}
	p.mu.Lock()
	p.fault = fault.clone()
	p.mu.Unlock()
	if fault.Kind != FaultDown {
		p.failure = errors.Join(p.failure, p.port.up())
	}
}

// Targets returns what clients asked for, in order: the host:port of each
// tunnel and the authority of each absolute-form request, exactly as it was
// sent (IPv6 addresses of SOCKS5 are put in brackets). Those that were refused or
// met a fault are among them as far as they came: HTTP and SOCKS4 clients name
// the target together with their credentials, SOCKS5 clients only after them.
// The slice belongs to the caller.
func (p *Proxy) Targets() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.targets)
}

// Accepted returns the number of client connections accepted since the start.
func (p *Proxy) Accepted() int { return p.Stats().Accepted }

// Open returns the number of client connections open now.
func (p *Proxy) Open() int { return p.Stats().Open }

// Peak returns the largest number of client connections that were open at once.
func (p *Proxy) Peak() int { return p.Stats().Peak }

// Tunnels returns the number of tunnels opened since the start: those that the
// client was told about, FaultCutTunnel and FaultHangTunnel included.
func (p *Proxy) Tunnels() int { return p.Stats().Tunnels }

// AuthFailures returns how many requests (HTTP) or handshakes (SOCKS) were
// refused because the credentials were missing or wrong.
func (p *Proxy) AuthFailures() int { return p.Stats().AuthFailures }

// Stats returns all counts of one moment.
func (p *Proxy) Stats() Stats { return p.ledger.snapshot() }

// Wait returns nil as soon as until is true of the counts, which may be at
// once; it asks again at every change. When the context ends first, it returns
// the context's cause. The condition must not block; it may call methods of p.
func (p *Proxy) Wait(ctx context.Context, until func(Stats) bool) error {
	return p.ledger.wait(ctx, until)
}

// CloseConnections cuts every open client connection and the tunnel behind it,
// without a farewell. The proxy goes on listening unless it is down.
func (p *Proxy) CloseConnections() { p.ledger.cut() }

// Close stops listening, cuts every connection and tunnel, and waits until all
// goroutines of the proxy have ended: a Dial of the config's must end when its
// context does. It may be called again, and then waits just the same; it must
// not be called by that Dial. The first call returns why the proxy could not
// listen, if that ever happened.
func (p *Proxy) Close() error {
	var err error
	p.closing.Do(func() {
		err = p.stopListening()
		p.ledger.cut()
		p.served.Wait()
	})
	return err
}

func (p *Proxy) stopListening() error {
	p.listening.Lock()
	defer p.listening.Unlock()
	p.closed = true
	p.failure = errors.Join(p.failure, p.port.down())
	p.port.release()
	if p.failure != nil {
		return fmt.Errorf("transporttest: proxy %s: %w", p.addr, p.failure)
	}
	return nil
}
