package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport/transporttest"
)

// matrixRig plays cells with one kind of proxy.
type matrixRig interface {
	// dialect is how the proxy speaks where proxies differ.
	dialect(c matrixCell) proxyDialect
	// cannot says why the proxy cannot do what the cell needs; "": it can.
	cannot(c matrixCell) string
	// play starts the cell's proxy and endpoint, hands them to run, and ends them.
	play(t *testing.T, c matrixCell, run func(*testing.T, *matrixScene))
}

// kitRig plays cells with the proxies of transporttest, which can do all of them.
// Endpoint and proxy have certificates of different authorities.
type kitRig struct{ endpoints, proxies *transporttest.CA }

func (kitRig) dialect(c matrixCell) proxyDialect {
	switch {
	case c.socks5():
		return proxyDialect{refusal: 1, unreachable: 1}
	case strings.HasPrefix(c.scheme, "socks4"):
		return proxyDialect{refusal: 93, unreachable: 91}
	}
	return proxyDialect{refusal: 407, unreachable: 502}
}

func (kitRig) cannot(matrixCell) string { return "" }

// kitFaults are the orders for a proxy of the kit.
var kitFaults = map[matrixFault]transporttest.Fault{
	faultNone:     {},
	faultRefused:  {Kind: transporttest.FaultDown},
	faultPassword: {}, // the client's is another
	// As RFC 9209 says it. The request was lost with the connection, or its answer was.
	fault502: {Kind: transporttest.FaultAnswer, Header: http.Header{
		"Proxy-Status": {"transporttest; error=connection_terminated"}, "Via": {"1.1 transporttest"}}},
	faultHandshake: {Kind: transporttest.FaultCutHandshake},
	faultTLS:       {Kind: transporttest.FaultCutBody, After: 20}, // in the middle of the endpoint's first word
	faultBody:      {Kind: transporttest.FaultCutBody, After: matrixCut},
}

func (k kitRig) play(t *testing.T, c matrixCell, run func(*testing.T, *matrixScene)) {
	switch {
	case c.fault == faultMute:
		synctest.Test(t, func(t *testing.T) { k.playMute(t, c, run) })
	case c.fault == faultTLS && !c.target.secure:
		run(t, k.cutProxyTLS(t, c))
	default:
		run(t, k.scene(t, c))
	}
}

// proxyURL is how a user would write the address of a proxy, with credentials.
func proxyURL(scheme, addr string) string {
	if strings.HasPrefix(scheme, "socks4") {
		return scheme + "://user@" + addr
	}
	return scheme + "://user:" + marker + "@" + addr
}

// scene is a proxy and an endpoint on the network.
func (k kitRig) scene(t *testing.T, c matrixCell) *matrixScene {
	t.Helper()
	endpoint := new(matrixEndpoint)
	server := c.target.start(t, k.endpoints, endpoint)
	config := transporttest.ProxyConfig{Scheme: c.scheme, CA: k.proxies, User: "user", Password: marker, Fault: kitFaults[c.fault]}
	secret := &config.Password
	if strings.HasPrefix(c.scheme, "socks4") {
		config.Password, secret = "", &config.User
	}
	if c.fault == faultPassword {
		*secret = "another"
	}
	p := startProxy(t, config)
	return &matrixScene{
		ctx: bounded(t), proxy: proxyURL(c.scheme, p.Addr()), proxyTLS: trust(k.proxies),
		endpoint: endpoint, url: server.URL(), tls: trust(k.endpoints), dialer: past(endpoint, server.Addr(), server.Addr()),
		asked: p.Accepted,
		idle: func() error {
			if err := p.Wait(bounded(t), nothingOpen); err != nil {
				return err
			}
			return server.Wait(bounded(t), nothingOpen)
		},
	}
}

// cutProxyTLS is an https proxy that hangs up in the middle of its own TLS.
func (k kitRig) cutProxyTLS(t *testing.T, c matrixCell) *matrixScene {
	t.Helper()
	s := k.scene(t, c)
	var came, gone atomic.Int64
	addr := listen(t, func(conn *net.TCPConn) {
		came.Add(1)
		defer gone.Add(1)
		if _, err := io.ReadFull(conn, make([]byte, 100)); err == nil {
			_, _ = conn.Write([]byte{22, 3, 3, 0, 100, 2}) // the beginning of a ServerHello
			_ = conn.CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
		}
	})
	s.proxy = proxyURL(c.scheme, addr)
	s.asked = func() int { return int(came.Load()) }
	others := s.idle
	s.idle = func() error {
		require.Eventually(t, func() bool { return gone.Load() == came.Load() }, patience, pollEvery)
		return others()
	}
	return s
}

// The addresses in a bubble, where nothing is resolved and nothing is dialled.
const (
	muteProxy    = "192.0.2.1:1080"
	muteEndpoint = "192.0.2.2"
)

// playMute plays with a proxy that accepts and then says nothing, not even the TLS
// of an https proxy, in a bubble: the time-outs are the defaults, and exact.
func (k kitRig) playMute(t *testing.T, c matrixCell, run func(*testing.T, *matrixScene)) {
	endpoint := new(matrixEndpoint)
	server, stop := serveMemory(t, c.target, k.endpoints, endpoint)
	defer stop()
	mute := new(muteDialer)
	defer mute.Close()
	scheme, _, _ := strings.Cut(server.url, ":")
	run(t, &matrixScene{
		ctx: t.Context(), proxy: proxyURL(c.scheme, muteProxy), proxyTLS: trust(k.proxies),
		endpoint: endpoint, url: scheme + "://" + muteEndpoint,
		tls: &tls.Config{RootCAs: k.endpoints.Pool(), ServerName: "memory.test"},
		dialer: &dialerFunc{func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr == muteProxy {
				return mute.dial(), nil
			}
			conn, err := server.DialContext(ctx, network, addr)
			if err == nil {
				endpoint.made(conn) // all its connections have one address, and nothing else leads there
			}
			return conn, err
		}},
		bubble: true,
		asked:  func() int { return int(mute.came.Load()) },
		idle: func() error {
			synctest.Wait()
			if mute.came.Load() != mute.gone.Load() {
				return errors.New("a connection to the proxy")
			}
			return nil
		},
	})
}

// muteDialer connects to nobody.
type muteDialer struct {
	came, gone atomic.Int64
	mu         sync.Mutex
	far        []net.Conn
}

func (d *muteDialer) dial() net.Conn {
	near, far := memoryPipe()
	d.came.Add(1)
	d.mu.Lock()
	d.far = append(d.far, far)
	d.mu.Unlock()
	go func() {
		_, _ = io.Copy(io.Discard, far)
		d.gone.Add(1)
	}()
	return near
}

// Close ends what was left open, so that the bubble can end.
func (d *muteDialer) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, conn := range d.far {
		_ = conn.Close()
	}
}
