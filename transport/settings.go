package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"hash/maphash"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/proxy"

	"github.com/aitransport/aitransport/pool"
)

// Defaults of a Config's time-outs.
const (
	defaultHeaderTimeout   = 600 * time.Second
	defaultBodyIdleTimeout = 600 * time.Second
	idleConnTimeout        = time.Minute

	// An HTTP/2 connection that says nothing for that long is asked whether it is
	// still there, and given up when it does not answer in time.
	pingAfter    = 15 * time.Second
	pingTimeout  = 15 * time.Second
	writeTimeout = 30 * time.Second
)

// settings are the parts of a Config that shape connections. Requests may share a
// connection only if they agree on all of them.
type settings struct {
	tls, proxyTLS *tls.Config
	dialer        proxy.ContextDialer
	connect       time.Duration
	header        time.Duration
	variant       uint64
	connectHeader ConnectHeader // nil: none
}

func newSettings(c Config) settings {
	s := settings{
		tls: c.TLS, proxyTLS: c.ProxyTLS, dialer: c.Dialer,
		connect: cmp.Or(c.ConnectTimeout, defaultConnectTimeout),
		header:  cmp.Or(c.HeaderTimeout, defaultHeaderTimeout),
	}
	s.variant = s.identity()
	s.connectHeader = c.ConnectHeader
	if s.connectHeader != nil { // funcs cannot be compared
		s.variant = variantNext.Add(1)
	}
	return s
}

var (
	variantSeed = maphash.MakeSeed()
	variantNext atomic.Uint64
)

// identity is equal for settings with the same TLS configurations and dialer, by
// pointer, and the same times. The agents keep the pointers alive, so an address
// cannot come back with another meaning.
func (s settings) identity() uint64 {
	if s.dialer != nil && !reflect.ValueOf(s.dialer).Comparable() {
		return variantNext.Add(1) // a dialer that equals none, not even itself
	}
	var h maphash.Hash
	h.SetSeed(variantSeed)
	maphash.WriteComparable(&h, [2]*tls.Config{s.tls, s.proxyTLS})
	maphash.WriteComparable(&h, s.dialer)
	maphash.WriteComparable(&h, [2]time.Duration{s.connect, s.header})
	return h.Sum64()
}

// offersHTTP2 tells whether a request by this proxy is to offer HTTP/2.
func offersHTTP2(mode HTTP2Mode, scheme string, p *Proxy) bool {
	switch {
	case scheme != "https" || mode == HTTP2Never:
		return false
	case mode == HTTP2Always:
		return true
	default:
		return !p.socks()
	}
}

// upgrades tells whether a request asks for another protocol (101), for instance a
// WebSocket. HTTP/2 knows no such thing.
func upgrades(req *http.Request) bool {
	return httpguts.HeaderValuesContainsToken(req.Header["Connection"], "upgrade")
}

// dialing is one dial of an agent: what it came to beside a connection that
// net/http can use.
type dialing struct {
	progress
	began   time.Time
	cancel  context.CancelFunc
	tls     *tls.ConnectionState
	raw     net.Conn      // what net/http was given
	written *countingConn // nil on HTTP/2
	word    *firstWord    // nil on HTTP/1.1
}

type dialingKey struct{}

// endpoint makes the net/http connections of one agent.
type endpoint struct {
	key   pool.Key
	proxy *Proxy
	settings
	base *http.Transport // dials and speaks HTTP; its own pool is never used
}

func newEndpoint(key pool.Key, p *Proxy, s settings) *endpoint {
	e := &endpoint{key: key, proxy: p, settings: s}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(key.HTTP2)
	e.base = &http.Transport{
		DisableCompression:    true, // decoding is a layer of ours: usage is read from decoded bytes
		ResponseHeaderTimeout: max(s.header, 0),
		ExpectContinueTimeout: time.Second,
		Protocols:             protocols,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout, WriteByteTimeout: writeTimeout},
		DialContext:           e.dial,
		DialTLSContext:        e.dialTLS,
	}
	if e.absolute() {
		fixed := p.url()
		e.base.Proxy = func(*http.Request) (*url.URL, error) { return fixed, nil }
		e.base.DialContext, e.base.DialTLSContext = e.dialProxy, e.dialProxy
	}
	return e
}

// absolute tells whether requests go to the proxy itself, with the whole URL: the
// way of http:// endpoints through HTTP proxies.
func (e *endpoint) absolute() bool {
	return e.key.Scheme == "http" && e.proxy != nil && !e.proxy.socks()
}

// connect opens a connection within the connect budget.
func (e *endpoint) connect(ctx context.Context, d *dialing) (*http.ClientConn, error) {
	if e.settings.connect > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.settings.connect)
		defer cancel()
	}
	ctx = context.WithValue(withProgress(ctx, &d.progress), dialingKey{}, d)
	cc, err := e.base.NewClientConn(ctx, e.key.Scheme, e.key.Host)
	if err != nil || d.word == nil {
		return cc, err
	}
	if err := d.word.wait(ctx, d.raw); err != nil {
		_ = cc.Close()
		return nil, err // made ours by agent.dialError
	}
	return cc, nil
}

func (e *endpoint) dialer() *Dialer {
	return &Dialer{Proxy: e.proxy, TLS: e.proxyTLS, Base: e.settings.dialer, ConnectHeader: e.connectHeader, Timeout: -1}
}

// dial reaches an http:// endpoint, directly or through a SOCKS tunnel.
func (e *endpoint) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := e.dialer().DialContext(ctx, network, addr)
	return counted(ctx, conn, err)
}

// dialProxy reaches the proxy that is sent whole URLs.
func (e *endpoint) dialProxy(ctx context.Context, network, _ string) (net.Conn, error) {
	conn, err := e.dialer().dialProxy(ctx, network, e.key.Host)
	return counted(ctx, conn, err)
}

// dialTLS reaches an https:// endpoint. HTTP/2 needs the bare TLS connection; on
// HTTP/1.1 what is written is counted above TLS.
func (e *endpoint) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := e.dialer().DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	enter(ctx, PhaseTargetTLS)
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		_ = conn.Close()
		return nil, fail(ctx, PhaseTargetTLS, e.proxy, addr, err)
	}
	protocols := []string{"http/1.1"}
	if e.key.HTTP2 {
		protocols = []string{"h2", "http/1.1"}
	}
	word := newFirstWord(conn)
	cfg := tlsConfig(e.tls, host, protocols...)
	if cfg.ClientSessionCache != nil {
		cfg.ClientSessionCache = &ticketWatch{cfg.ClientSessionCache, word}
	}
	secured := tls.Client(word, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		failure := failTLS(ctx, PhaseTargetTLS, e.proxy, addr, err)
		failure.HTTP2 = e.key.HTTP2
		return nil, failure
	}
	state := secured.ConnectionState()
	d, _ := ctx.Value(dialingKey{}).(*dialing)
	if d != nil {
		d.tls = &state
	}
	if state.NegotiatedProtocol == "h2" {
		if d != nil {
			d.raw, d.word = secured, word
			word.listening.Store(true)
		}
		return secured, nil
	}
	return counted(ctx, secured, nil)
}
