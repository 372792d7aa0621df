package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/proxy"

	"github.com/aitransport/aitransport/transport"
)

const (
	matrixQuestion = "a question"
	matrixAnswer   = 256 << 10 // bytes of a whole answer
	matrixCut      = 32 << 10  // an answer cut here is cut in its body, whatever heads and TLS add
)

// matrixScene is where a cell is played: a proxy, an endpoint, and the ways to them.
type matrixScene struct {
	ctx      context.Context // of the request
	proxy    string          // its URL, with the credentials that the caller has
	proxyTLS *tls.Config
	endpoint *matrixEndpoint
	url      string // of the endpoint
	tls      *tls.Config
	dialer   proxy.ContextDialer // beneath the proxy, and to the endpoint itself

	connect, header time.Duration         // time limits of the Config; 0: its defaults
	bubble          bool                  // time is that of a bubble, and exact
	phase           func(transport.Phase) // is told how far the request is; may be nil
	cut             func()                // ends an answer that has begun; nil: the proxy does
	asked           func() int            // how many connections the proxy got; nil: nobody counts
	idle            func() error          // waits until nothing is open at proxy and endpoint
}

// matrixEndpoint answers requests and counts them.
type matrixEndpoint struct {
	lasting bool // answers do not end before their requests do

	mu          sync.Mutex
	ours        map[string]bool // our ends of the connections that were made directly
	via, direct int
	wrong       []string // questions that came other than they were asked
}

func (e *matrixEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	e.mu.Lock()
	if e.ours[r.RemoteAddr] {
		e.direct++
	} else {
		e.via++
	}
	if err != nil || r.Method != http.MethodPost || string(body) != matrixQuestion {
		e.wrong = append(e.wrong, r.Method+" "+string(body))
	}
	e.mu.Unlock()
	w.Header().Set("Content-Length", strconv.Itoa(matrixAnswer))
	if !e.lasting {
		_, _ = w.Write(make([]byte, matrixAnswer))
		return
	}
	_, _ = w.Write(make([]byte, matrixCut))
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// made notes a direct connection before it is used.
func (e *matrixEndpoint) made(conn net.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ours == nil {
		e.ours = make(map[string]bool)
	}
	e.ours[conn.LocalAddr().String()] = true
}

func (e *matrixEndpoint) counts() (via, direct int, wrong []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.via, e.direct, e.wrong
}

// past is a dialer that notes what goes to the endpoint without a proxy. The
// endpoint may be known by another address than its own.
func past(e *matrixEndpoint, known, own string) *dialerFunc {
	return &dialerFunc{func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr != known {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, own)
		if err == nil {
			e.made(conn)
		}
		return conn, err
	}}
}

// matrixResult is what came of a cell.
type matrixResult struct {
	matrixOutcome
	err  error
	resp *http.Response // nil: none
	took time.Duration
	told []*transport.Error // for which failures the direct way was taken
}

// play sends the cell's request, and leaves nothing behind.
func (c matrixCell) play(t *testing.T, s *matrixScene) matrixResult {
	t.Helper()
	var (
		got  matrixResult
		logs logBuffer
	)
	tr := newTransport(t, transport.Config{
		Proxy: parse(t, s.proxy), ProxyTLS: s.proxyTLS, TLS: s.tls, Dialer: s.dialer,
		HTTP2: transport.HTTP2Always, Retries: -1, FallbackToDirect: c.fallback,
		ConnectTimeout: s.connect, HeaderTimeout: s.header, Logger: logs.logger(),
	})
	ctx := transport.WithTrace(s.ctx, &transport.Trace{
		Phase: s.phase, Fallback: func(e *transport.Error) { got.told = append(got.told, e) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader([]byte(matrixQuestion)))
	require.NoError(t, err)
	require.NotNil(t, req.GetBody)

	began := time.Now()
	got.resp, got.err = tr.RoundTrip(req)
	if got.err == nil {
		got.err = s.read(t, got.resp)
	}
	got.took = time.Since(began)
	assert.Zero(t, tr.Stats().InUse, "the request has ended")

	require.NoError(t, tr.Close())
	require.NoError(t, s.idle(), "a connection was left open")
	stats := tr.Stats()
	assert.Zero(t, stats.Agents+stats.Draining+stats.InUse+stats.Conns, "%+v", stats)
	assertHidden(t, "log", logs.String())
	got.sum(t, s)
	return got
}

// read reads an answer to its end, or to where the scene cuts it.
func (s *matrixScene) read(t *testing.T, resp *http.Response) error {
	t.Helper()
	n := int64(0)
	if s.cut != nil {
		_, err := io.ReadFull(resp.Body, make([]byte, 1))
		require.NoError(t, err, "the answer has begun")
		n++
		s.cut()
	}
	rest, err := io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode == http.StatusOK {
		assert.Equal(t, int64(matrixAnswer), n+rest, "an answer that is not whole ended as if it were")
	}
	assert.NoError(t, resp.Body.Close())
	return err
}

// sum fills in the outcome.
func (p *matrixResult) sum(t *testing.T, s *matrixScene) {
	t.Helper()
	var wrong []string
	p.via, p.direct, wrong = s.endpoint.counts()
	assert.Empty(t, wrong, "a request was changed on its way")
	if p.err == nil {
		p.status = p.resp.StatusCode
		return
	}
	e := typed(t, p.err)
	p.phase, p.sent, p.code = e.Phase, e.Sent, e.Code
	if e.Timeout() {
		p.limit = limitConnect
		if e.Phase == transport.PhaseWait {
			p.limit = limitHeader
		}
	}
}
