package transporttest_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test that would hang waits before it fails.
const patience = 20 * time.Second

func newCA(t *testing.T) *transporttest.CA {
	t.Helper()
	ca, err := transporttest.NewCA()
	require.NoError(t, err)
	return ca
}

func newServer(t *testing.T, config transporttest.ServerConfig) *transporttest.Server {
	t.Helper()
	server, err := transporttest.NewServer(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	return server
}

func newProxy(t *testing.T, config transporttest.ProxyConfig) *transporttest.Proxy {
	t.Helper()
	proxy, err := transporttest.NewProxy(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, proxy.Close()) })
	return proxy
}

// newClient is net/http's own client through the proxy ("": direct).
func newClient(t *testing.T, proxy string, ca *transporttest.CA) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	if proxy != "" {
		u, err := url.Parse(proxy)
		require.NoError(t, err)
		transport.Proxy = http.ProxyURL(u)
	}
	if ca != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: ca.Pool()}
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// get returns the status and body of a GET that must succeed.
func get(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := client.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// dial opens a TCP connection on which nothing waits for ever.
func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return conn.(*net.TCPConn)
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(conn, text)
	require.NoError(t, err)
}

// expect reads exactly the given text.
func expect(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	got := make([]byte, len(text))
	n, err := io.ReadFull(conn, got)
	require.NoError(t, err, "got %q", got[:n])
	require.Equal(t, text, string(got))
}

// rest reads to the end.
func rest(t *testing.T, conn net.Conn) string {
	t.Helper()
	got, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(got)
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// target is a raw TCP server; every connection goes to serve, which owns it.
func target(t *testing.T, serve func(*net.TCPConn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			serve(conn.(*net.TCPConn))
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return listener.Addr().String()
}

// closedPort is an address that refuses connections for as long as the test runs.
func closedPort(t *testing.T) string {
	t.Helper()
	return newProxy(t, transporttest.ProxyConfig{
		Fault: transporttest.Fault{Kind: transporttest.FaultDown},
	}).Addr()
}

func text(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) })
}

func idle(s transporttest.Stats) bool { return s.Open == 0 }
