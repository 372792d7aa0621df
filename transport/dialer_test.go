package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/proxy"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

var schemes = []string{"http", "https", "socks4", "socks4a", "socks5", "socks5h"}

// rig is a proxy of a scheme, with a user where the scheme has one, and a Dialer
// through it.
type rig struct {
	*transporttest.Proxy
	dialer *transport.Dialer
}

func newRig(t *testing.T, scheme string, config transporttest.ProxyConfig) rig {
	t.Helper()
	config.Scheme = scheme
	if scheme == "https" {
		config.CA = newCA(t)
	}
	p := startProxy(t, config)
	return rig{p, &transport.Dialer{Proxy: parse(t, p.URL()), TLS: trust(config.CA), Timeout: patience}}
}

// works sends something there and back.
func works(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	const said = "hello, is anybody there?"
	_, err := io.WriteString(conn, said)
	require.NoError(t, err)
	heard := make([]byte, len(said))
	_, err = io.ReadFull(conn, heard)
	require.NoError(t, err)
	assert.Equal(t, said, string(heard))
}

func TestDialerOpensTunnels(t *testing.T) {
	target := listen(t, echo)
	for _, scheme := range schemes {
		t.Run(scheme, func(t *testing.T) {
			// Everything that has to be escaped in a URL is in the credentials.
			config := transporttest.ProxyConfig{User: "us er/ü", Password: "p:a/s?s#w@r%d\\[]"}
			if strings.HasPrefix(scheme, "socks4") {
				config.Password = ""
			}
			r := newRig(t, scheme, config)
			conn, err := r.dialer.DialContext(t.Context(), "tcp", target)
			require.NoError(t, err)
			works(t, conn)
			require.NoError(t, conn.Close())
			assert.Equal(t, []string{target}, r.Targets())
			assert.Zero(t, r.AuthFailures())
			require.NoError(t, r.Wait(bounded(t), nothingOpen))
		})
	}
	t.Run("direct", func(t *testing.T) {
		conn, err := new(transport.Dialer).DialContext(t.Context(), "tcp", target)
		require.NoError(t, err)
		works(t, conn)
		require.NoError(t, conn.Close())
	})
}

// The time limit is for opening the tunnel: what is sent through it has all the
// time in the world.
func TestDialerLeavesNoDeadlineBehind(t *testing.T) {
	target := listen(t, echo)
	for _, scheme := range schemes {
		t.Run(scheme, func(t *testing.T) {
			r := newRig(t, scheme, transporttest.ProxyConfig{})
			var set watchedDeadline
			r.dialer.Base = &dialerFunc{func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, addr)
				set.Conn = conn
				return &set, err
			}}
			conn, err := r.dialer.DialContext(t.Context(), "tcp", target)
			require.NoError(t, err)
			assert.True(t, set.last.IsZero(), "left at %s", set.last)
			works(t, conn)
			require.NoError(t, conn.Close())
		})
	}
}

// watchedDeadline remembers the last deadline set.
type watchedDeadline struct {
	net.Conn
	last time.Time
}

func (c *watchedDeadline) SetDeadline(d time.Time) error {
	c.last = d
	return c.Conn.SetDeadline(d)
}

// fault is what one kind of fault must look like with one scheme. A zero phase
// means that the combination is left out, with the reason in the table.
type fault struct {
	phase   transport.Phase
	code    int
	timeout bool
	is      error
}

// TestDialerFaults walks every fault of the kit with every scheme.
func TestDialerFaults(t *testing.T) {
	connect, handshake := transport.PhaseProxyConnect, transport.PhaseProxyHandshake
	hang := fault{phase: connect, timeout: true}
	cut := fault{phase: connect, is: io.ErrUnexpectedEOF}
	cases := map[transporttest.FaultKind]map[string]fault{
		transporttest.FaultDown: {"*": {phase: transport.PhaseDialProxy, is: syscall.ECONNREFUSED}},
		transporttest.FaultHang: {
			"https": {phase: transport.PhaseProxyTLS, timeout: true}, "socks5": {phase: handshake, timeout: true}, "*": hang,
		},
		transporttest.FaultGarbage: {
			"http": {phase: connect}, "https": {phase: transport.PhaseProxyTLS}, "*": {phase: handshake},
		},
		transporttest.FaultAnswer: {
			"http": {phase: connect, code: 502}, "socks4": {phase: connect, code: 91}, "socks5": {phase: connect, code: 1},
		},
		transporttest.FaultCutHandshake: {"*": cut},
		transporttest.FaultHangConnect:  {"*": hang},
	}
	for kind, expected := range cases {
		for _, scheme := range schemes {
			t.Run(kind.String()+"/"+scheme, func(t *testing.T) {
				want, ok := expected[scheme]
				for _, other := range []string{strings.TrimSuffix(scheme, "h"), strings.TrimSuffix(scheme, "a"), strings.TrimSuffix(scheme, "s"), "*"} {
					if !ok {
						want, ok = expected[other]
					}
				}
				r := newRig(t, scheme, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: kind}})
				if want.timeout {
					r.dialer.Timeout = brief
				}
				began := time.Now()
				conn, err := r.dialer.DialContext(t.Context(), "tcp", "10.99.0.1:443")
				require.Nil(t, conn)
				e := typed(t, err)
				assert.Equal(t, want.phase.String(), e.Phase.String(), "%v", err)
				assert.Equal(t, transport.SentNo, e.Sent)
				assert.Same(t, r.dialer.Proxy, e.Proxy)
				assert.Equal(t, "10.99.0.1:443", e.Addr)
				assert.Equal(t, want.code, e.Code)
				assert.Equal(t, want.timeout, e.Timeout(), "%v", err)
				if want.is != nil {
					require.ErrorIs(t, err, want.is)
				}
				assert.NotErrorIs(t, err, context.Canceled)
				assert.Less(t, time.Since(began), patience/2, "within the budget")
				require.NoError(t, r.Wait(bounded(t), nothingOpen), "something is left behind")
			})
		}
	}
}

// A reset may be seen when dialling, or at the first write or read.
func TestDialerReset(t *testing.T) {
	for _, scheme := range schemes {
		t.Run(scheme, func(t *testing.T) {
			r := newRig(t, scheme, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultReset}})
			_, err := r.dialer.DialContext(t.Context(), "tcp", "10.99.0.1:443")
			e := typed(t, err)
			assert.Contains(t, []transport.Phase{
				transport.PhaseDialProxy, transport.PhaseProxyTLS, transport.PhaseProxyHandshake, transport.PhaseProxyConnect,
			}, e.Phase)
			assert.Equal(t, transport.SentNo, e.Sent)
			assert.False(t, e.Timeout())
			assert.True(t, transport.DefaultFallback(e))
		})
	}
}

func TestDialerWrongPassword(t *testing.T) {
	cases := []struct {
		scheme, user, password string // of the client; the proxy wants user and word
		code                   int
	}{
		{"http", "user", "wrong", 407}, {"http", "", "", 407},
		{"https", "user", "wrong", 407}, {"https", "", "", 407},
		{"socks5", "user", "wrong", 1}, {"socks5", "user", "", 1}, {"socks5", "", "", 0xff},
		{"socks5h", "other", "word", 1},
		{"socks4", "other", "", 93}, {"socks4a", "", "", 93},
	}
	for _, c := range cases {
		t.Run(c.scheme+" "+c.user+" "+c.password, func(t *testing.T) {
			config := transporttest.ProxyConfig{User: "user", Password: "word"}
			if strings.HasPrefix(c.scheme, "socks4") {
				config.Password = ""
			}
			r := newRig(t, c.scheme, config)
			info := ""
			if c.user != "" {
				info = c.user
				if c.password != "" {
					info += ":" + c.password
				}
				info += "@"
			}
			r.dialer.Proxy = parse(t, c.scheme+"://"+info+r.Addr())
			_, err := r.dialer.DialContext(t.Context(), "tcp", "10.99.0.1:443")
			e := typed(t, err)
			assert.Equal(t, transport.PhaseProxyAuth, e.Phase)
			assert.Equal(t, c.code, e.Code)
			assert.Equal(t, transport.SentNo, e.Sent)
			assert.Equal(t, "10.99.0.1:443", e.Addr)
			assert.False(t, e.Timeout())
			assert.False(t, transport.DefaultFallback(e), "somebody must mend the password")
			assert.Contains(t, e.Error(), "check the user name and password")
			assert.NotContains(t, e.Error(), "wrong")
			assert.Equal(t, 1, r.AuthFailures())
			require.NoError(t, r.Wait(bounded(t), nothingOpen))
		})
	}
}

func TestDialerDirectFailures(t *testing.T) {
	addr := closedPort(t)
	_, err := new(transport.Dialer).DialContext(t.Context(), "tcp", addr)
	e := typed(t, err)
	assert.Equal(t, transport.PhaseDialTarget, e.Phase)
	assert.Equal(t, addr, e.Addr)
	assert.Nil(t, e.Proxy)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	assert.Contains(t, e.Error(), "cannot connect to "+addr)
}

// The name that cannot be found is told, whoever's it is.
func TestDialerUnknownName(t *testing.T) {
	for _, p := range []*transport.Proxy{nil, parse(t, "http://user:"+marker+"@nowhere.test:80"), parse(t, "socks5://nowhere.test")} {
		t.Run(p.String(), func(t *testing.T) {
			d := &transport.Dialer{Proxy: p, Base: &dialerFunc{func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "nowhere.test", IsNotFound: true}}
			}}}
			_, err := d.DialContext(t.Context(), "tcp", "nowhere.test:443")
			e := typed(t, err)
			assert.Equal(t, transport.PhaseDNS, e.Phase)
			assert.Equal(t, "nowhere.test", e.Addr)
			assert.Equal(t, transport.SentNo, e.Sent)
			assert.Same(t, p, e.Proxy)
			assert.Contains(t, e.Error(), "cannot resolve nowhere.test")
			assertNoSecret(t, e)
		})
	}
}

// The TLS with an https proxy is checked, speaks HTTP/1.1 and has settings of its
// own, which it does not change (nasty case 2).
func TestDialerTLSWithTheProxy(t *testing.T) {
	target := listen(t, echo)
	ca, clients := newCA(t), newCA(t)
	t.Run("unknown root", func(t *testing.T) {
		r := newRig(t, "https", transporttest.ProxyConfig{})
		r.dialer.TLS = trust(ca)
		_, err := r.dialer.DialContext(t.Context(), "tcp", target)
		e := typed(t, err)
		assert.Equal(t, transport.PhaseProxyTLS, e.Phase)
		assert.False(t, transport.DefaultFallback(e), "a bad certificate")
		assert.Contains(t, e.Error(), "add its root to ProxyTLS")
	})
	t.Run("not a TLS server", func(t *testing.T) {
		r := newRig(t, "http", transporttest.ProxyConfig{})
		r.dialer.Proxy = parse(t, "https://"+r.Addr())
		_, err := r.dialer.DialContext(t.Context(), "tcp", target)
		e := typed(t, err)
		assert.Equal(t, transport.PhaseProxyTLS, e.Phase)
		var record tls.RecordHeaderError
		require.ErrorAs(t, err, &record)
	})
	t.Run("client certificate, and a proxy that prefers h2", func(t *testing.T) {
		p := startProxy(t, transporttest.ProxyConfig{Scheme: "https", CA: ca, ClientCA: clients, HTTP2: true})
		certificate, err := clients.Certificate("client")
		require.NoError(t, err)
		mine := &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}}
		d := &transport.Dialer{Proxy: parse(t, p.URL()), TLS: mine}
		conn, err := d.DialContext(t.Context(), "tcp", target)
		require.NoError(t, err)
		works(t, conn)
		require.NoError(t, conn.Close())
		assert.Equal(t, []string{"h2"}, mine.NextProtos)
		assert.Empty(t, mine.ServerName)
	})
}

// A Dialer is what golang.org/x/net/proxy calls a ContextDialer, and takes one.
func TestDialerIsAContextDialer(t *testing.T) {
	var d proxy.ContextDialer = &transport.Dialer{}
	p := parse(t, "http://"+closedPort(t))
	_, err := (&transport.Dialer{Proxy: p, Base: d}).DialContext(t.Context(), "tcp", "x:1")
	e := typed(t, err)
	assert.Equal(t, transport.PhaseDialProxy, e.Phase)
	assert.Same(t, p, e.Proxy)
	require.ErrorIs(t, e, syscall.ECONNREFUSED)
}

func TestDialerDeadlineOfTheContext(t *testing.T) {
	r := newRig(t, "socks5", transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultHang}})
	r.dialer.Timeout = -1
	ctx, cancel := context.WithTimeout(t.Context(), brief)
	defer cancel()
	_, err := r.dialer.DialContext(ctx, "tcp", "10.99.0.1:443")
	e := typed(t, err)
	assert.Equal(t, transport.PhaseProxyHandshake, e.Phase)
	assert.True(t, e.Timeout())
	assert.True(t, isDeadline(err), "%v", err)
}

// isDeadline: a deadline of a context or of the connection that it was set on.
func isDeadline(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}
