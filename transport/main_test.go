package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
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

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// patience is how long a test that would hang waits before it fails.
	patience = 20 * time.Second
	// brief is a time limit that a test wants to see run out on a real network.
	brief = 150 * time.Millisecond
	// pollEvery is how often a condition is looked at that nothing announces.
	pollEvery = time.Millisecond
	// marker is a password that must never be seen; it needs no escaping.
	marker = "geheim-4711"
)

func newCA(t testing.TB) *transporttest.CA {
	t.Helper()
	ca, err := transporttest.NewCA()
	require.NoError(t, err)
	return ca
}

func newServer(t testing.TB, config transporttest.ServerConfig) *transporttest.Server {
	t.Helper()
	server, err := transporttest.NewServer(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	return server
}

// startProxy starts a proxy of the kit, to be asked what it saw.
func startProxy(t testing.TB, config transporttest.ProxyConfig) *transporttest.Proxy {
	t.Helper()
	proxy, err := transporttest.NewProxy(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, proxy.Close()) })
	return proxy
}

func parse(t testing.TB, raw string) *transport.Proxy {
	t.Helper()
	p, err := transport.ParseProxy(raw)
	require.NoError(t, err)
	return p
}

// newTransport makes a Transport that is closed with the test, before the
// servers that were started earlier.
func newTransport(t testing.TB, config transport.Config) *transport.Transport {
	t.Helper()
	tr, err := transport.New(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, tr.Close()) })
	return tr
}

func trust(ca *transporttest.CA) *tls.Config {
	if ca == nil {
		return nil
	}
	return &tls.Config{RootCAs: ca.Pool()}
}

func bounded(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func newRequest(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(bounded(t), method, url, body)
	require.NoError(t, err)
	return req
}

// get returns the answer to a GET that must succeed, and its body, read and closed.
func get(t testing.TB, rt http.RoundTripper, url string) (*http.Response, string) {
	t.Helper()
	return exchange(t, rt, newRequest(t, http.MethodGet, url, nil))
}

func exchange(t testing.TB, rt http.RoundTripper, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, string(body)
}

func readAndClose(resp *http.Response) (string, error) {
	body, err := io.ReadAll(resp.Body)
	return string(body), errors.Join(err, resp.Body.Close())
}

// refused sends a request that must fail, and returns its typed error.
func refused(t testing.TB, rt http.RoundTripper, req *http.Request) *transport.Error {
	t.Helper()
	resp, err := rt.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	require.Nil(t, resp, "an answer came where an error was due")
	return typed(t, err)
}

func typed(t testing.TB, err error) *transport.Error {
	t.Helper()
	var e *transport.Error
	require.ErrorAs(t, err, &e)
	return e
}

func text(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) })
}

func nothingOpen(s transporttest.Stats) bool { return s.Open == 0 }

// closedPort is an address that refuses connections for as long as the test runs.
func closedPort(t testing.TB) string {
	t.Helper()
	return startProxy(t, transporttest.ProxyConfig{
		Fault: transporttest.Fault{Kind: transporttest.FaultDown},
	}).Addr()
}

// listen is a raw TCP server; every connection goes to serve, in a goroutine of
// its own, and is closed after it. A serve that reads ends with the test.
func listen(t testing.TB, serve func(*net.TCPConn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var (
		mu   sync.Mutex
		open = make(map[net.Conn]struct{})
		wg   sync.WaitGroup
	)
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			mu.Lock()
			open[conn] = struct{}{}
			mu.Unlock()
			wg.Go(func() {
				serve(conn.(*net.TCPConn))
				mu.Lock()
				delete(open, conn)
				mu.Unlock()
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return listener.Addr().String()
}

// echo sends back what comes.
func echo(conn *net.TCPConn) { _, _ = io.Copy(conn, conn) }

// dialerFunc is a proxy.ContextDialer; its address gives it an identity.
type dialerFunc struct {
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (d *dialerFunc) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return d.dial(ctx, network, addr)
}

// to is a dialer that reaches one address, whatever it is asked for.
func to(addr string) *dialerFunc {
	return &dialerFunc{func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
}

// logBuffer is a logger's output that may be read while others write.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// line is the one line that contains the text.
func (l *logBuffer) line(t testing.TB, text string) string {
	t.Helper()
	var found []string
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	require.Len(t, found, 1, "%s in\n%s", text, l)
	return found[0]
}

func (l *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// recorder is a request's body that books what is done with it. It has no
// GetBody, since net/http does not know its type.
type recorder struct {
	io.Reader
	mu            sync.Mutex
	reads, closes int
}

func (r *recorder) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	if r.closes > 0 {
		return 0, errors.New("read after close")
	}
	return r.Reader.Read(p)
}

func (r *recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closes++
	return nil
}

func (r *recorder) closed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closes
}
