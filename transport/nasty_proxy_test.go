package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// HTTP/2 is never offered to a proxy, whatever the proxy would like, and both kinds of
// target work through it.
func nastyProxyALPN(t *testing.T) {
	ca := newCA(t)
	certificate, err := ca.Certificate()
	require.NoError(t, err)
	behind := startProxy(t, transporttest.ProxyConfig{})
	var (
		mu      sync.Mutex
		offered [][]string
	)
	config := &tls.Config{
		Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			mu.Lock()
			defer mu.Unlock()
			offered = append(offered, slices.Clone(hello.SupportedProtos))
			return nil, nil //nolint:nilnil // crypto/tls asks for it: the config as it is
		},
	}
	// TLS in front of a proxy, to see what is offered to it.
	front := listen(t, func(conn *net.TCPConn) {
		there, err := net.Dial("tcp", behind.Addr())
		if err != nil {
			return
		}
		defer there.Close()
		secure := tls.Server(conn, config)
		go func() {
			_, _ = io.Copy(there, secure)
			_ = there.Close()
		}()
		_, _ = io.Copy(secure, there)
	})
	picky := startProxy(t, transporttest.ProxyConfig{Scheme: "https", CA: ca, HTTP2: true}) // hangs up on HTTP/2
	for _, addr := range []string{front, picky.Addr()} {
		for _, up := range upstreams {
			for _, mode := range []transport.HTTP2Mode{transport.HTTP2Auto, transport.HTTP2Always} {
				server := up.start(t, ca, text("ok"))
				tr := newTransport(t, transport.Config{Proxy: parse(t, "https://"+addr), ProxyTLS: trust(ca), TLS: trust(ca), HTTP2: mode})
				resp, body := get(t, tr, server.URL())
				assert.Equal(t, "ok", body)
				assert.Equal(t, up.h2, resp.ProtoMajor == 2)
				require.NoError(t, tr.Close())
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, offered, len(upstreams)*2)
	for _, protocols := range offered {
		assert.Equal(t, []string{"http/1.1"}, protocols)
	}
}

// An unknown scheme is an HTTP proxy to net/http, which sends it requests in clear
// text. Here socks4 is SOCKS4 on the wire, also where the proxy speaks HTTP.
func nastySOCKS4(t *testing.T) {
	ca := newCA(t)
	server := newServer(t, transporttest.ServerConfig{CA: ca, HTTP2: true, Handler: text("ok")})
	for _, scheme := range []string{"socks4", "SOCKS4", "socks4a"} {
		for _, speaks := range []string{"socks4", "http"} {
			t.Run(scheme+" to "+speaks, func(t *testing.T) {
				p := startProxy(t, transporttest.ProxyConfig{Scheme: speaks})
				tap := &wiretap{}
				tr := newTransport(t, transport.Config{Proxy: parse(t, scheme+"://"+p.Addr()), TLS: trust(ca), Dialer: tap, Retries: -1, ConnectTimeout: brief})
				before := server.Accepted()
				req := newRequest(t, http.MethodPost, server.URL(), strings.NewReader(marker))
				if speaks == "socks4" {
					_, body := exchange(t, tr, req)
					assert.Equal(t, "ok", body)
				} else { // which waits for the end of a line
					e := refused(t, tr, req)
					assert.Equal(t, transport.PhaseProxyConnect, e.Phase)
					assert.Equal(t, transport.SentNo, e.Sent)
					assert.Equal(t, before, server.Accepted())
				}
				assert.Equal(t, []string{p.Addr()}, tap.dialed)
				for _, wire := range tap.heard() {
					assert.Equal(t, []byte{4, 1}, wire[:2])
					assert.NotContains(t, string(wire), http.MethodConnect)
					assert.NotContains(t, string(wire), marker)
				}
			})
		}
	}
	for _, unknown := range []string{"socks://127.0.0.1:1", "ftp://127.0.0.1:1", "socks6://127.0.0.1:1"} {
		_, err := transport.ParseProxy(unknown)
		require.Error(t, err, unknown)
	}
}

// Twenty callers that give up on a SOCKS server that says nothing leave nothing
// behind once the connect budget is over: net/http leaves a goroutine and a socket
// each, for ever.
func nastyMuteSOCKS(t *testing.T) {
	const callers = 20
	for _, scheme := range []string{"socks4", "socks4a", "socks5", "socks5h"} {
		for _, url := range []string{"http://10.99.0.1/", "https://10.99.0.1/"} {
			t.Run(scheme+" "+url, func(t *testing.T) {
				r := newRig(t, scheme, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultHang}})
				running := goleak.IgnoreCurrent()
				tr := newTransport(t, transport.Config{Proxy: r.dialer.Proxy, ConnectTimeout: brief})
				reason := errors.New("the user went home")
				ctx, cancel := context.WithCancelCause(t.Context())
				failed := make(chan error, callers)
				for range callers {
					go func() { failed <- callOnce(ctx, tr, url) }()
				}
				require.NoError(t, r.Wait(bounded(t), func(s transporttest.Stats) bool { return s.Accepted == callers }))
				cancel(reason)
				began := time.Now()
				for range callers {
					err := <-failed
					e := typed(t, err)
					assert.Equal(t, transport.SentNo, e.Sent)
					require.True(t, errors.Is(err, reason) && errors.Is(err, context.Canceled) || e.Timeout(), "%v", err)
				}
				assert.Less(t, time.Since(began), patience/4)
				assert.Zero(t, tr.Stats().InUse)
				require.NoError(t, r.Wait(bounded(t), nothingOpen), "a dial outlived its budget")
				require.NoError(t, goleak.Find(running), "before Close")
				assert.Equal(t, callers, r.Accepted())
				assert.Zero(t, tr.Stats().Conns)
			})
		}
	}
}

// A proxy that refuses the password says so as the answer to CONNECT or as an answer
// to the request itself: both are the same failure, and neither shows the password.
func nastyProxyPassword(t *testing.T) {
	ca := newCA(t)
	for _, scheme := range []string{"http", "https"} {
		for _, up := range upstreams {
			t.Run(scheme+"/"+up.name, func(t *testing.T) {
				server := up.start(t, ca, nil)
				r := newRig(t, scheme, transporttest.ProxyConfig{User: "user", Password: "right"})
				var logs logBuffer
				tr := newTransport(t, transport.Config{
					Proxy: parse(t, scheme+"://user:"+marker+"@"+r.Addr()), ProxyTLS: r.dialer.TLS, TLS: trust(ca),
					FallbackToDirect: true, Retries: 3, Logger: logs.logger(),
				})
				e := refused(t, tr, posting(t, server.URL()))
				assert.Equal(t, transport.PhaseProxyAuth, e.Phase)
				assert.Equal(t, http.StatusProxyAuthRequired, e.Code)
				assert.Equal(t, transport.SentNo, e.Sent)
				assert.Equal(t, server.Addr(), e.Addr)
				assert.Contains(t, e.Error(), "check the user name and password")
				assert.Equal(t, 1, r.AuthFailures(), "not tried again")
				assert.Zero(t, server.Accepted(), "nor directly")
				assertNoSecret(t, e)
				assertHidden(t, "log", logs.String())
			})
		}
	}
}

// A proxy variable that cannot be read is an error. To net/http it means: directly.
func nastyEnvironment(t *testing.T) {
	for _, variable := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		for _, value := range []string{"http://u:p%zz@h", "http://u:p%zz" + marker + "@px:1", "http://u:" + marker + "@px:bad"} {
			environment(t, map[string]string{variable: value})
			choose, err := transport.FromEnvironment()
			require.Error(t, err, "%s=%s", variable, value)
			require.Nil(t, choose, "nothing that could say: directly")
			var refusal *transport.ProxyError
			require.ErrorAs(t, err, &refusal)
			assert.Contains(t, err.Error(), variable)
			assertNoSecret(t, err)
		}
	}
}

// What comes in the same packet as the proxy's answer belongs to the tunnel.
func nastyEarlyBytes(t *testing.T) {
	const greeting = "220 the endpoint speaks first\r\n"
	target := listen(t, func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, greeting)
		echo(conn)
	})
	for _, scheme := range schemes {
		t.Run(scheme, func(t *testing.T) {
			r := newRig(t, scheme, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultEarlyBytes}})
			conn, err := r.dialer.DialContext(t.Context(), "tcp", target)
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			got := make([]byte, len(greeting))
			for _, piece := range [][]byte{got[:7], got[7:]} {
				_, err = io.ReadFull(conn, piece)
				require.NoError(t, err)
			}
			assert.Equal(t, greeting, string(got))
			works(t, conn)
		})
	}
}

// socks4 resolves names here, since its protocol knows IPv4 addresses only; all others
// leave them to the proxy, and nobody here asks a resolver about them.
func nastySOCKSNames(t *testing.T) {
	target := listen(t, echo)
	_, port, err := net.SplitHostPort(target)
	require.NoError(t, err)
	const name = "name.invalid" // no resolver knows it
	hexName := hex.EncodeToString([]byte(name))
	for scheme, wire := range map[string]string{
		"socks4":  "0401" + "01bb" + "7f000001" + "00",
		"socks4a": "0401" + "01bb" + "00000001" + "00" + hexName + "00",
		"socks5":  "050100" + "05010003" + "0c" + hexName + "01bb",
		"socks5h": "050100" + "05010003" + "0c" + hexName + "01bb",
	} {
		t.Run(scheme, func(t *testing.T) {
			r := newRig(t, scheme, transporttest.ProxyConfig{Dial: to(target).dial})
			tap := &wiretap{}
			r.dialer.Base = tap
			host := name
			if scheme == "socks4" {
				host = "localhost"
			}
			conn, err := r.dialer.DialContext(t.Context(), "tcp", host+":443")
			require.NoError(t, err)
			defer conn.Close()
			assert.Equal(t, []string{r.Addr()}, tap.dialed)
			assert.Equal(t, wire, hex.EncodeToString(bytes.Join(tap.heard(), nil)))
			works(t, conn)
		})
	}
	for _, scheme := range []string{"socks4", "socks4a"} {
		t.Run(scheme+" and an IPv6 literal", func(t *testing.T) {
			r := newRig(t, scheme, transporttest.ProxyConfig{Dial: to(target).dial})
			tr := newTransport(t, transport.Config{Proxy: r.dialer.Proxy})
			for _, url := range []string{"http://[::1]:" + port + "/", "https://[2001:db8::1]/"} {
				e := refused(t, tr, newRequest(t, http.MethodGet, url, nil))
				assert.Equal(t, transport.PhaseProxyConnect, e.Phase)
				assert.Equal(t, transport.SentNo, e.Sent)
				assert.Same(t, r.dialer.Proxy, e.Proxy)
				assert.Contains(t, e.Error(), "use socks5")
				assert.Zero(t, r.Accepted(), "nobody had to be dialled for that")
			}
		})
	}
}

// A proxy that somebody set is used for loopback too, also when a list of hosts is
// reached directly: the usual reading of such lists would go around it.
func nastyLoopback(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		if route == "direct" {
			return
		}
		server := up.start(t, ca, text("ok"))
		config, r := through(t, route, transport.Config{TLS: trust(ca), NoProxy: "foo.com"})
		tr := newTransport(t, config)
		_, port, err := net.SplitHostPort(server.Addr())
		require.NoError(t, err)
		for _, host := range []string{"127.0.0.1", "localhost"} {
			url := server.URL()[:strings.Index(server.URL(), "://")] + "://" + net.JoinHostPort(host, port)
			_, body := get(t, tr, url)
			assert.Equal(t, "ok", body)
		}
		assert.Len(t, r.Targets(), 2)
	})
}
