package transporttest_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport/transporttest"
)

// handshake is what a client of a scheme sends to ask for the target x:80, and
// what it hears before the proxy answers that.
type handshake struct{ scheme, request, before, opened string }

func handshakes() []handshake {
	return []handshake{
		{"http", "CONNECT x:80 HTTP/1.1\r\n\r\n", "", connected},
		{"https", "CONNECT x:80 HTTP/1.1\r\n\r\n", "", connected},
		{"socks5", "\x05\x01\x00\x05\x01\x00\x03\x01x\x00\x50", "\x05\x00", "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"},
		{"socks4", "\x04\x01\x00\x50\x00\x00\x00\x01\x00x\x00", "", "\x00\x5a\x00\x00\x00\x00\x00\x00"},
	}
}

// eachScheme runs a test with a faulty proxy of every scheme that cannot reach
// anything, and a connection to it on which the request has been sent.
func eachScheme(t *testing.T, fault transporttest.Fault, test func(*testing.T, handshake, *transporttest.Proxy, net.Conn)) {
	t.Helper()
	ca := newCA(t)
	for _, h := range handshakes() {
		t.Run(h.scheme, func(t *testing.T) {
			proxy := newProxy(t, transporttest.ProxyConfig{
				Scheme: h.scheme, CA: ca, Fault: fault,
				Dial: func(context.Context, string, string) (net.Conn, error) {
					t.Error("the target was dialled")
					return nil, errors.ErrUnsupported
				},
			})
			var conn net.Conn = dial(t, proxy.Addr())
			if h.scheme == "https" {
				conn = tls.Client(conn, &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"})
			}
			send(t, conn, h.request)
			expect(t, conn, h.before)
			test(t, h, proxy, conn)
			require.NoError(t, conn.Close())
			require.NoError(t, proxy.Wait(bounded(t), idle))
		})
	}
}

// assertSilent closes the sending half of conn; a proxy that has nothing to say
// then closes it, and must not have said anything.
func assertSilent(t *testing.T, conn net.Conn) {
	t.Helper()
	if secured, ok := conn.(*tls.Conn); ok {
		require.NoError(t, secured.CloseWrite())
	} else {
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	}
	got, _ := io.ReadAll(conn) // TLS may end without a farewell
	assert.Empty(t, got)
}

func TestFaultAnswer(t *testing.T) {
	fault := transporttest.Fault{Kind: transporttest.FaultAnswer, Status: 93, Header: http.Header{"X-Why": {"ordered"}}}
	eachScheme(t, fault, func(t *testing.T, h handshake, proxy *transporttest.Proxy, conn net.Conn) {
		switch h.scheme {
		case "socks5":
			assert.Equal(t, "\x05\x5d\x00\x01\x00\x00\x00\x00\x00\x00", rest(t, conn))
		case "socks4":
			assert.Equal(t, "\x00\x5d\x00\x00\x00\x00\x00\x00", rest(t, conn))
		default:
			answer := rest(t, conn)
			assert.True(t, strings.HasPrefix(answer, "HTTP/1.1 093 "), answer)
			assert.Contains(t, answer, "\r\nX-Why: ordered\r\n")
		}
		assert.Equal(t, []string{"x:80"}, proxy.Targets())
		assert.Equal(t, 0, proxy.Tunnels())
	})
}

func TestFaultAnswerOfNoStatusIsAGeneralFailure(t *testing.T) {
	fault := transporttest.Fault{Kind: transporttest.FaultAnswer}
	eachScheme(t, fault, func(t *testing.T, h handshake, _ *transporttest.Proxy, conn net.Conn) {
		want := map[string]string{
			"http": "HTTP/1.1 502 ", "https": "HTTP/1.1 502 ", "socks5": "\x05\x01", "socks4": "\x00\x5b",
		}
		assert.True(t, strings.HasPrefix(rest(t, conn), want[h.scheme]))
	})
}

func TestFaultAnswerToAnHTTPClient(t *testing.T) {
	for _, status := range []int{204, 304, 403, 407, 429, 503} {
		proxy := newProxy(t, transporttest.ProxyConfig{Fault: transporttest.Fault{
			Kind: transporttest.FaultAnswer, Status: status, Header: http.Header{"Retry-After": {"7"}},
		}})
		client := newClient(t, proxy.URL(), nil)
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			req, err := http.NewRequest(method, "http://x.test/", strings.NewReader(strings.Repeat("x", 1<<20)))
			require.NoError(t, err)
			resp, err := client.Do(req)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			resp.Body.Close()
			assert.Equal(t, status, resp.StatusCode)
			assert.Equal(t, "7", resp.Header.Get("Retry-After"))
			assert.Equal(t, status == 407, resp.Header.Get("Proxy-Authenticate") != "")
		}
		assert.Equal(t, 3, proxy.Accepted(), "a faulty answer ends its connection")
		_, err := client.Get("https://x.test/")
		assert.Error(t, err)
	}
}

func TestFaultHang(t *testing.T) {
	for _, h := range handshakes() {
		proxy := newProxy(t, transporttest.ProxyConfig{
			Scheme: h.scheme, CA: newCA(t), Fault: transporttest.Fault{Kind: transporttest.FaultHang},
		})
		conn := dial(t, proxy.Addr())
		send(t, conn, h.request)
		send(t, conn, strings.Repeat("x", 8<<20)) // more than any buffer: somebody reads
		assertSilent(t, conn)
		assert.Empty(t, proxy.Targets())
	}
}

func TestFaultHangConnect(t *testing.T) {
	fault := transporttest.Fault{Kind: transporttest.FaultHangConnect}
	eachScheme(t, fault, func(t *testing.T, _ handshake, proxy *transporttest.Proxy, conn net.Conn) {
		assertSilent(t, conn)
		assert.Equal(t, []string{"x:80"}, proxy.Targets())
		assert.Equal(t, 0, proxy.Tunnels())
	})
}

func TestFaultCutHandshake(t *testing.T) {
	fault := transporttest.Fault{Kind: transporttest.FaultCutHandshake}
	eachScheme(t, fault, func(t *testing.T, h handshake, proxy *transporttest.Proxy, conn net.Conn) {
		assert.Equal(t, h.opened[:len(h.opened)/2], rest(t, conn))
		assert.Equal(t, 0, proxy.Tunnels())
	})
}

// recorded keeps what was read from a connection.
type recorded struct {
	net.Conn
	got bytes.Buffer
}

func (r *recorded) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.got.Write(p[:n])
	return n, err
}

func TestFaultsThatCutDoNotEndTLS(t *testing.T) {
	ca := newCA(t)
	for kind, alert := range map[transporttest.FaultKind]bool{
		transporttest.FaultAnswer:       true,
		transporttest.FaultCutHandshake: false,
		transporttest.FaultCutTunnel:    false,
	} {
		t.Run(kind.String(), func(t *testing.T) {
			proxy := newProxy(t, transporttest.ProxyConfig{Scheme: "https", CA: ca, Fault: transporttest.Fault{Kind: kind}})
			raw := &recorded{Conn: dial(t, proxy.Addr())}
			conn := tls.Client(raw, &tls.Config{
				RootCAs: ca.Pool(), ServerName: "localhost", MaxVersion: tls.VersionTLS12, // shows an alert as one
			})
			send(t, conn, "CONNECT x:80 HTTP/1.1\r\n\r\nhello")
			rest(t, conn)
			var last byte
			for records := raw.got.Bytes(); len(records) > 0; {
				last = records[0]
				records = records[5+int(records[3])<<8+int(records[4]):]
			}
			assert.Equal(t, alert, last == 21)
		})
	}
}

func TestFaultCutTunnel(t *testing.T) {
	fault := transporttest.Fault{Kind: transporttest.FaultCutTunnel}
	eachScheme(t, fault, func(t *testing.T, h handshake, proxy *transporttest.Proxy, conn net.Conn) {
		expect(t, conn, h.opened)
		assert.Equal(t, 1, proxy.Tunnels())
		send(t, conn, strings.Repeat("x", 100_000)) // with bytes unread, closing would be a reset
		assert.Empty(t, rest(t, conn))
	})
}

func TestFaultHangTunnel(t *testing.T) {
	fault := transporttest.Fault{Kind: transporttest.FaultHangTunnel}
	eachScheme(t, fault, func(t *testing.T, h handshake, proxy *transporttest.Proxy, conn net.Conn) {
		expect(t, conn, h.opened)
		assert.Equal(t, 1, proxy.Tunnels())
		send(t, conn, "anybody there?")
		assertSilent(t, conn)
	})
}

func TestFaultGarbage(t *testing.T) {
	for _, h := range handshakes() {
		proxy := newProxy(t, transporttest.ProxyConfig{
			Scheme: h.scheme, CA: newCA(t), Fault: transporttest.Fault{Kind: transporttest.FaultGarbage},
		})
		conn := dial(t, proxy.Addr())
		send(t, conn, h.request)
		got := []byte(rest(t, conn))
		require.Greater(t, len(got), 10)
		assert.NotContains(t, []byte{0, 4, 5, 'H', 0x15, 0x16}, got[0])
	}
}

func TestFaultGarbageOfAnHTTPSProxyIsNotTLS(t *testing.T) {
	ca := newCA(t)
	proxy := newProxy(t, transporttest.ProxyConfig{
		Scheme: "https", CA: ca, Fault: transporttest.Fault{Kind: transporttest.FaultGarbage},
	})
	_, err := newClient(t, proxy.URL(), ca).Get("https://x.test/")
	require.ErrorAs(t, err, new(tls.RecordHeaderError))
}

func TestFaultReset(t *testing.T) {
	proxy := newProxy(t, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultReset}})
	conn, err := net.Dial("tcp", proxy.Addr())
	if err == nil { // the reset may even come before Dial has looked
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
	assert.Equal(t, 1, proxy.Accepted())
}

func TestFaultDownAndUpAgain(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("hello")})
	proxy := newProxy(t, transporttest.ProxyConfig{Scheme: "socks5", Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	url, addr := proxy.URL(), proxy.Addr()
	client := newClient(t, url, nil)
	for range 20 {
		_, err := client.Get(server.URL())
		require.ErrorIs(t, err, syscall.ECONNREFUSED)

		proxy.SetFault(transporttest.Fault{})
		_, body := get(t, client, server.URL())
		assert.Equal(t, "hello", body)

		proxy.SetFault(transporttest.Fault{Kind: transporttest.FaultDown})
		_, body = get(t, client, server.URL())
		assert.Equal(t, "hello", body, "an open connection stays")
		client.CloseIdleConnections()
	}
	assert.Equal(t, 20, proxy.Accepted())
	assert.Equal(t, url, proxy.URL())
	assert.Equal(t, addr, proxy.Addr())
}

func TestFaultDownKeepsThePort(t *testing.T) {
	proxy := newProxy(t, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	server := newServer(t, transporttest.ServerConfig{})
	port, err := net.ResolveTCPAddr("tcp", proxy.Addr())
	require.NoError(t, err)
	// Sockets that do not listen may not share a port: if it were free, this would work.
	_, err = net.DialTCP("tcp", port, dial(t, server.Addr()).RemoteAddr().(*net.TCPAddr))
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	proxy.SetFault(transporttest.Fault{})
	dial(t, proxy.Addr())
}

func TestFaultTimes(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("hello")})
	proxy := newProxy(t, transporttest.ProxyConfig{
		Fault: transporttest.Fault{Kind: transporttest.FaultAnswer, Status: 503, Times: 2},
	})
	client := newClient(t, proxy.URL(), nil)
	var statuses []int
	for range 4 {
		status, _ := get(t, client, server.URL())
		statuses = append(statuses, status)
	}
	assert.Equal(t, []int{503, 503, 200, 200}, statuses)
	assert.Equal(t, 3, proxy.Accepted(), "only a proxy that works keeps the connection")
}

func TestSetFaultIsForNewConnections(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{})
	proxy := newProxy(t, transporttest.ProxyConfig{})
	client := newClient(t, proxy.URL(), nil)
	status, _ := get(t, client, server.URL())
	assert.Equal(t, 200, status)

	header := http.Header{"X-Why": {"first"}}
	proxy.SetFault(transporttest.Fault{Kind: transporttest.FaultAnswer, Status: 503, Header: header})
	header.Set("X-Why", "changed later")
	status, _ = get(t, client, server.URL())
	assert.Equal(t, 200, status, "the open connection keeps its fault")

	client.CloseIdleConnections()
	resp, err := client.Get(server.URL())
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, 503, resp.StatusCode)
	assert.Equal(t, "first", resp.Header.Get("X-Why"), "SetFault keeps a copy")
}

func TestUnknownFaultClosesConnections(t *testing.T) {
	proxy := newProxy(t, transporttest.ProxyConfig{})
	proxy.SetFault(transporttest.Fault{Kind: 99})
	assert.Empty(t, rest(t, dial(t, proxy.Addr())))
}

func TestFaultCutBodyOfATunnel(t *testing.T) {
	for _, tt := range []struct {
		after int64
		want  string
	}{{0, ""}, {1, "0"}, {7, "0123456"}, {10, "0123456789"}, {11, "0123456789"}} {
		t.Run(fmt.Sprint(tt.after), func(t *testing.T) {
			gone := make(chan struct{})
			addr := target(t, func(conn *net.TCPConn) {
				_, _ = io.WriteString(conn, "0123456789")
				if tt.after > 10 {
					_ = conn.CloseWrite()
				}
				_, _ = io.ReadAll(conn) // until the cut
				close(gone)
			})
			proxy := newProxy(t, transporttest.ProxyConfig{
				Fault: transporttest.Fault{Kind: transporttest.FaultCutBody, After: tt.after},
			})
			conn := connect(t, proxy, addr, "hello")
			assert.Equal(t, tt.want, rest(t, conn))
			require.NoError(t, conn.Close())
			<-gone
			require.NoError(t, proxy.Wait(bounded(t), idle))
		})
	}
}

func TestFaultCutBodyOfAnAnswer(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/counted" {
				w.Header().Set("Content-Length", "10")
			}
			_, _ = io.WriteString(w, "01234")
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "56789")
			if r.URL.Path == "/endless" {
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}
		}),
	})
	for _, tt := range []struct {
		path  string
		after int64
		want  string
		err   error
	}{
		{"/chunked", 0, "", io.ErrUnexpectedEOF},
		{"/chunked", 7, "0123456", io.ErrUnexpectedEOF},
		{"/chunked", 10, "0123456789", io.ErrUnexpectedEOF}, // the cut comes before the last chunk
		{"/chunked", 11, "0123456789", nil},
		{"/counted", 0, "", io.ErrUnexpectedEOF},
		{"/counted", 7, "0123456", io.ErrUnexpectedEOF},
		{"/counted", 10, "0123456789", nil},
		{"/endless", 10, "0123456789", io.ErrUnexpectedEOF}, // nothing more needs to come
	} {
		t.Run(fmt.Sprint(tt.path, " ", tt.after), func(t *testing.T) {
			proxy := newProxy(t, transporttest.ProxyConfig{
				Fault: transporttest.Fault{Kind: transporttest.FaultCutBody, After: tt.after},
			})
			resp, err := newClient(t, proxy.URL(), nil).Get(server.URL() + tt.path)
			require.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			assert.Equal(t, tt.err, err)
			assert.Equal(t, tt.want, string(body))
		})
	}
}

func TestFaultCutBodyOfTLS(t *testing.T) {
	ca := newCA(t)
	server := newServer(t, transporttest.ServerConfig{CA: ca, Handler: text(strings.Repeat("x", 1<<20))})
	for _, h := range handshakes()[:3] { // those that net/http speaks
		proxy := newProxy(t, transporttest.ProxyConfig{
			Scheme: h.scheme, CA: ca,
			Fault: transporttest.Fault{Kind: transporttest.FaultCutBody, After: 100_000},
		})
		resp, err := newClient(t, proxy.URL(), ca).Get(server.URL())
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, h.scheme)
		assert.Less(t, len(body), 100_000)
		assert.Greater(t, len(body), 50_000)
	}
}

func TestFaultsOfAbsoluteFormRequests(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("hello")})
	for kind, want := range map[transporttest.FaultKind]string{
		transporttest.FaultCutHandshake: connected[:len(connected)/2],
		transporttest.FaultCutTunnel:    "",
		transporttest.FaultHangTunnel:   "",
		transporttest.FaultHangConnect:  "",
	} {
		t.Run(kind.String(), func(t *testing.T) {
			proxy := newProxy(t, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: kind}})
			conn := dial(t, proxy.Addr())
			send(t, conn, "GET "+server.URL()+"/ HTTP/1.1\r\n\r\n")
			if want == "" {
				assertSilent(t, conn)
			} else {
				assert.Equal(t, want, rest(t, conn))
			}
			assert.Equal(t, []string{server.Addr()}, proxy.Targets())
			assert.Equal(t, 0, proxy.Tunnels())
		})
	}
	assert.Equal(t, 0, server.Accepted())
}

func TestFaultEarlyBytes(t *testing.T) {
	greet := func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, "220 ready\r\n")
		echo(conn)
	}
	for _, h := range handshakes() {
		if h.scheme == "https" {
			continue // its packets are TLS records: see below
		}
		t.Run(h.scheme, func(t *testing.T) {
			addr := target(t, greet)
			proxy := newProxy(t, transporttest.ProxyConfig{
				Scheme: h.scheme, Dial: toEcho(addr),
				Fault: transporttest.Fault{Kind: transporttest.FaultEarlyBytes},
			})
			conn := dial(t, proxy.Addr())
			send(t, conn, h.request)
			expect(t, conn, h.before)
			packet := make([]byte, 1<<10)
			n, err := conn.Read(packet) // what was written at once arrives at once
			require.NoError(t, err)
			assert.True(t, bytes.HasSuffix(packet[:n], []byte("220 ready\r\n")), "%q", packet[:n])
			assertEcho(t, conn)
			assert.Equal(t, 1, proxy.Tunnels())
		})
	}
}

func TestFaultEarlyBytesOfAnHTTPSProxy(t *testing.T) {
	ca := newCA(t)
	addr := target(t, func(conn *net.TCPConn) { _, _ = io.WriteString(conn, "220 ready\r\n") })
	proxy := newProxy(t, transporttest.ProxyConfig{
		Scheme: "https", CA: ca, Fault: transporttest.Fault{Kind: transporttest.FaultEarlyBytes},
	})
	conn := tls.Client(dial(t, proxy.Addr()), &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"})
	send(t, conn, "CONNECT "+addr+" HTTP/1.1\r\n\r\n")
	packet := make([]byte, 1<<10)
	n, err := conn.Read(packet) // one record
	require.NoError(t, err)
	assert.Equal(t, connected+"220 ready\r\n", string(packet[:n]))
}

func TestFaultEarlyBytesEndsWithAClientThatLeaves(t *testing.T) {
	accepted := make(chan struct{})
	addr := target(t, func(conn *net.TCPConn) {
		close(accepted)
		_, _ = io.ReadAll(conn) // never speaks
	})
	proxy := newProxy(t, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultEarlyBytes}})
	conn := dial(t, proxy.Addr())
	send(t, conn, "CONNECT "+addr+" HTTP/1.1\r\n\r\n")
	<-accepted
	require.NoError(t, conn.Close())
	require.NoError(t, proxy.Wait(bounded(t), idle))
}

func TestFaultsComeAfterThePassword(t *testing.T) {
	proxy := newProxy(t, transporttest.ProxyConfig{
		User: "user", Password: "secret",
		Fault: transporttest.Fault{Kind: transporttest.FaultAnswer, Status: 503},
	})
	conn := dial(t, proxy.Addr())
	send(t, conn, "CONNECT x:80 HTTP/1.1\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusProxyAuthRequired, resp.StatusCode)
	_, err = newClient(t, proxy.URL(), nil).Get("https://x.test/")
	assert.ErrorContains(t, err, "Service Unavailable")
}

func TestFaultKindString(t *testing.T) {
	seen := make(map[string]bool)
	for kind := transporttest.FaultNone; kind <= transporttest.FaultHangConnect; kind++ {
		name := kind.String()
		assert.False(t, seen[name], name)
		assert.NotContains(t, name, "FaultKind")
		seen[name] = true
	}
	assert.Equal(t, "FaultKind(99)", transporttest.FaultKind(99).String())
}
