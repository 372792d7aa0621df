package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/proxy"
)

// defaultConnectTimeout is the budget for DNS, dial, proxy handshake and TLS.
const defaultConnectTimeout = 30 * time.Second

// Dialer opens connections through a proxy. It is a [proxy.ContextDialer], and so
// can be the Base of another one: proxies chain. Its zero value dials directly.
// It may be used concurrently and must not be changed meanwhile.
type Dialer struct {
	Proxy         *Proxy              // nil: direct
	TLS           *tls.Config         // for an https proxy; nil: system roots; cloned
	Base          proxy.ContextDialer // reaches the proxy, or the endpoint without one; nil: net.Dialer
	ConnectHeader ConnectHeader       // fields of CONNECT requests; nil: none
	Timeout       time.Duration       // for the whole of a dial; 0: 30 s; negative: none but the context's
}

// ConnectHeader gives the fields to add to a CONNECT request that asks a proxy for a
// tunnel to addr, for proxies that want more than a user and a password. A
// Proxy-Authorization of its own counts if the proxy's URL has no user. An error
// fails the request, and nothing goes direct because of it. It may be called
// concurrently.
//
// It is a func because values may be short-lived, and because they may be secret: no
// print of a Config shows what a func knows.
type ConnectHeader func(ctx context.Context, p *Proxy, addr string) (http.Header, error)

var _ proxy.ContextDialer = (*Dialer)(nil)

// DialContext connects to addr (host:port) through the proxy. The network is tcp,
// tcp4 or tcp6 and counts for what is dialled here: the proxy resolves the names
// of endpoints, but for socks4, whose protocol knows addresses only.
//
// The error is an [*Error] with SentNo. Nothing is left behind by a dial that
// failed or was cancelled. The caller closes the connection.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if t := cmp.Or(d.Timeout, defaultConnectTimeout); t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t)
		defer cancel()
	}
	if d.Proxy == nil {
		return d.dialBase(ctx, PhaseDialTarget, network, addr, addr)
	}
	if !strings.HasPrefix(network, "tcp") {
		return nil, fail(ctx, PhaseUnknown, d.Proxy, addr, net.UnknownNetworkError(network))
	}
	handshake := d.handshake()
	if d.Proxy.scheme == "socks4" || d.Proxy.scheme == "socks4a" {
		// What this protocol cannot carry is found before anybody is dialled.
		target, err := socks4Address(ctx, d.Proxy, addr)
		if err != nil {
			return nil, err
		}
		handshake = func(ctx context.Context, c net.Conn, _ string) (net.Conn, *Error) {
			return socks4(ctx, c, d.Proxy, addr, target)
		}
	}
	start := time.Now()
	conn, err := d.dialProxy(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	tunnel, failure := handshake(ctx, conn, addr)
	if failure != nil {
		_ = conn.Close()
		return nil, failure
	}
	if t := traceOf(ctx); t != nil && t.Tunnel != nil {
		t.Tunnel(TunnelInfo{Proxy: d.Proxy, Addr: addr, Took: time.Since(start)})
	}
	return tunnel, nil
}

// handshake asks the proxy for a tunnel to addr over a connection to it.
func (d *Dialer) handshake() func(ctx context.Context, c net.Conn, addr string) (net.Conn, *Error) {
	if d.Proxy.socks() {
		return func(ctx context.Context, c net.Conn, addr string) (net.Conn, *Error) {
			return socks5(ctx, c, d.Proxy, addr)
		}
	}
	return func(ctx context.Context, c net.Conn, addr string) (net.Conn, *Error) {
		return connect(ctx, c, d.Proxy, d.ConnectHeader, addr)
	}
}

// dialProxy connects to the proxy itself, with TLS where its scheme says so, for the
// sake of an endpoint.
func (d *Dialer) dialProxy(ctx context.Context, network, endpoint string) (net.Conn, error) {
	conn, err := d.dialBase(ctx, PhaseDialProxy, network, d.Proxy.Addr(), endpoint)
	if err != nil || d.Proxy.scheme != "https" {
		return conn, err
	}
	enter(ctx, PhaseProxyTLS)
	cfg := tlsConfig(d.TLS, d.Proxy.host, "http/1.1") // never h2: CONNECT here is HTTP/1.1
	secured := tls.Client(conn, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, failTLS(ctx, PhaseProxyTLS, d.Proxy, endpoint, err)
	}
	return secured, nil
}

// dialBase connects to addr beneath the proxy, for the sake of an endpoint.
func (d *Dialer) dialBase(ctx context.Context, phase Phase, network, addr, endpoint string) (net.Conn, error) {
	enter(ctx, phase)
	var base proxy.ContextDialer = &net.Dialer{}
	if d.Base != nil {
		base = d.Base
	}
	conn, err := base.DialContext(ctx, network, addr)
	if err == nil {
		return conn, nil
	}
	var inner *Error
	if errors.As(err, &inner) {
		if inner.Proxy != nil || d.Proxy == nil { // a chain: the earlier proxy tells best what failed
			return nil, err
		}
		err = cmp.Or(inner.Err, err) // a direct Dialer that does not know it was to reach a proxy
	}
	failure := fail(ctx, phase, d.Proxy, endpoint, err)
	var dns *net.DNSError
	if errors.As(err, &dns) {
		failure.Phase, failure.Addr = PhaseDNS, dns.Name
	}
	return nil, failure
}

// tlsConfig is a private copy of a user's configuration, for one server and the
// given protocols: http.Transport and tls write into theirs.
func tlsConfig(user *tls.Config, host string, protocols ...string) *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if user != nil {
		cfg = user.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	cfg.NextProtos = protocols
	return cfg
}

// unblock runs an exchange on a connection that ends, at the latest, with the
// context. Afterwards the connection has no deadline.
func unblock(ctx context.Context, c net.Conn, exchange func() error) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	err := exchange()
	if !stop() {
		return cmp.Or(err, contextError(ctx))
	}
	return cmp.Or(err, c.SetDeadline(time.Time{}))
}
