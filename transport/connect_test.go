package transport_test

import (
	"bufio"
	"context"
	"encoding/base64"
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

	"github.com/aitransport/aitransport/transport"
)

// answering is an HTTP proxy that answers each CONNECT with exactly these bytes,
// and then sends back what comes.
func answering(t *testing.T, answer string) (*transport.Dialer, <-chan *http.Request) {
	t.Helper()
	requests := make(chan *http.Request, 1)
	addr := listen(t, func(conn *net.TCPConn) {
		reader := bufio.NewReader(conn)
		req, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		requests <- req
		_, _ = io.WriteString(conn, answer)
		_, _ = io.Copy(conn, reader)
	})
	return &transport.Dialer{Proxy: parse(t, "http://user:"+marker+"@"+addr)}, requests
}

func TestConnectTakesEvery2xx(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 Connection established\r\n\r\n",
		"HTTP/1.0 200 OK\r\nProxy-Agent: old\r\n\r\n",
		"HTTP/1.1 200\r\n\r\n",
		"HTTP/1.1 201 Created\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 299 Whatever\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", // RFC 9110: to be ignored
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
	} {
		t.Run(strings.TrimSpace(answer), func(t *testing.T) {
			d, _ := answering(t, answer)
			conn, err := d.DialContext(t.Context(), "tcp", "api.example.com:443")
			require.NoError(t, err)
			works(t, conn)
			require.NoError(t, conn.Close())
		})
	}
}

func TestConnectRefusals(t *testing.T) {
	const connect, auth = transport.PhaseProxyConnect, transport.PhaseProxyAuth
	cases := []struct {
		answer string
		phase  transport.Phase
		code   int
		advice string
	}{
		{"407 Proxy Authentication Required", auth, 407, "check the user name and password"},
		{"401 Unauthorized", auth, 401, "check the user name and password"}, // tinyproxy
		{"403 Forbidden", connect, 403, "allow it there, list the host in NO_PROXY or allow fallback"},
		{"405 Method Not Allowed", connect, 405, "forbids this host or port"},
		{"502 Bad Gateway", connect, 502, "cannot reach this host"},
		{"503 Service Unavailable", connect, 503, "cannot reach this host"},
		{"504 Gateway Timeout", connect, 504, "cannot reach this host"},
		{"300 Multiple Choices", connect, 300, "check the proxy's rules"},
		{"302 Found\r\nLocation: http://login.example.com/?user:" + marker, connect, 302, "check the proxy's rules"},
		{"400 Bad Request", connect, 400, "check the proxy's rules"},
		{"429 Too Many Requests", connect, 429, "check the proxy's rules"},
	}
	for _, c := range cases {
		t.Run(c.answer[:3], func(t *testing.T) {
			// A body that is promised and never comes must not be waited for.
			d, _ := answering(t, "HTTP/1.1 "+c.answer+"\r\nContent-Length: 100\r\n\r\n")
			_, err := d.DialContext(t.Context(), "tcp", "api.example.com:443")
			e := typed(t, err)
			assert.Equal(t, c.phase, e.Phase)
			assert.Equal(t, c.code, e.Code)
			assert.Equal(t, transport.SentNo, e.Sent)
			assert.Equal(t, "api.example.com:443", e.Addr)
			assert.Contains(t, e.Error(), fmt.Sprintf("(code %d)", c.code))
			assert.Contains(t, e.Error(), c.advice)
			assert.Equal(t, c.phase == connect, transport.DefaultFallback(e))
			assertNoSecret(t, e)
		})
	}
}

func TestConnectAnswersThatAreNone(t *testing.T) {
	for name, answer := range map[string]string{
		"empty":                  "",
		"half a status line":     "HTTP/1.1 20",
		"half a head":            "HTTP/1.1 200 OK\r\nDate: to",
		"another protocol":       "SSH-2.0-OpenSSH_9.2\r\n\r\n",
		"a head without end":     "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 128<<10) + "\r\n\r\n",
		"answers without number": strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 4<<10),
	} {
		t.Run(name, func(t *testing.T) {
			addr := listen(t, func(conn *net.TCPConn) {
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = io.WriteString(conn, answer)
					_ = conn.CloseWrite()
					_, _ = io.Copy(io.Discard, conn)
				}
			})
			d := &transport.Dialer{Proxy: parse(t, "http://user:"+marker+"@"+addr)}
			_, err := d.DialContext(t.Context(), "tcp", "api.example.com:443")
			e := typed(t, err)
			assert.Equal(t, transport.PhaseProxyConnect, e.Phase)
			assert.Zero(t, e.Code)
			assert.Equal(t, transport.SentNo, e.Sent)
			assert.NotErrorIs(t, err, io.EOF, "nobody may take it for the end of a body")
			assertNoSecret(t, e)
		})
	}
}

func TestConnectRequest(t *testing.T) {
	d, requests := answering(t, "HTTP/1.1 200 OK\r\n\r\n")
	fields := http.Header{"X-Proxy-Zone": {"eu"}, "User-Agent": {"test"}}
	d.ConnectHeader = func(_ context.Context, p *transport.Proxy, addr string) (http.Header, error) {
		assert.Same(t, d.Proxy, p)
		assert.Equal(t, "[2001:db8::1]:443", addr)
		return fields, nil
	}
	conn, err := d.DialContext(t.Context(), "tcp", "[2001:db8::1]:443")
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	req := <-requests
	assert.Equal(t, http.MethodConnect, req.Method)
	assert.Equal(t, "[2001:db8::1]:443", req.RequestURI)
	assert.Equal(t, "[2001:db8::1]:443", req.Host)
	assert.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("user:"+marker)), req.Header.Get("Proxy-Authorization"))
	assert.Equal(t, "eu", req.Header.Get("X-Proxy-Zone"))
	assert.Equal(t, "test", req.Header.Get("User-Agent"))
	assert.Equal(t, http.Header{"X-Proxy-Zone": {"eu"}, "User-Agent": {"test"}}, fields, "the user's own was changed")
}

// An address cannot smuggle lines into the request.
func TestConnectRefusesAddressesThatAreNone(t *testing.T) {
	for _, addr := range []string{"a\r\nEvil: yes:443", "a b:443", "a\x00b:443"} {
		d, requests := answering(t, "HTTP/1.1 200 OK\r\n\r\n")
		conn, err := d.DialContext(t.Context(), "tcp", addr)
		if err == nil {
			require.NoError(t, conn.Close())
		}
		require.Error(t, err, "%q", addr)
		assert.Equal(t, transport.SentNo, typed(t, err).Sent)
		assert.Empty(t, requests)
	}
}

// The two that users cannot tell apart elsewhere read differently here.
func TestErrorsThatReadDifferently(t *testing.T) {
	p := parse(t, "http://user:"+marker+"@10.0.0.2:8080")
	down := &transport.Error{Phase: transport.PhaseDialProxy, Proxy: p, Addr: "api.moonshot.cn:443", Err: syscall.ECONNREFUSED}
	assert.Equal(t, "proxy http://user:***@10.0.0.2:8080: cannot connect to the proxy: connection refused: "+
		"it is down or unreachable: check its address, its port and the firewall", down.Error())

	died := &transport.Error{Phase: transport.PhaseTargetTLS, Proxy: p, Addr: "api.moonshot.cn:443", Err: io.EOF}
	assert.Equal(t, "proxy http://user:***@10.0.0.2:8080: the proxy's tunnel to api.moonshot.cn:443 opened, then TLS inside it died: EOF: "+
		"the proxy may intercept or block this host: list it in NO_PROXY or allow fallback", died.Error())

	auth := &transport.Error{Phase: transport.PhaseProxyAuth, Proxy: parse(t, "socks5://user:"+marker+"@10.0.0.2:1080"), Code: 1}
	assert.Equal(t, "proxy socks5://user:***@10.0.0.2:1080: authentication refused (code 1): check the user name and password", auth.Error())

	for phase := transport.PhaseUnknown; phase <= transport.PhaseBody; phase++ {
		for _, proxy := range []*transport.Proxy{nil, p} {
			said := (&transport.Error{Phase: phase, Proxy: proxy, Addr: "api.example.com:443", Err: errors.New("cause")}).Error()
			assert.Contains(t, said, "cause")
			if phase != transport.PhaseDialProxy && phase != transport.PhaseProxyTLS && phase != transport.PhaseProxyHandshake && phase != transport.PhaseProxyAuth {
				assert.Contains(t, said, "api.example.com", phase.String())
			}
		}
	}
}
