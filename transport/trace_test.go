package transport_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// A caller's httptrace is told about the connection as net/http would tell it: once
// for each request, with the connection itself.
func TestHTTPTraceGotConn(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		server := up.start(t, ca, text("ok"))
		config, r := through(t, route, transport.Config{TLS: trust(ca)})
		tr := newTransport(t, config)
		var (
			wanted []string
			got    []httptrace.GotConnInfo
			others atomic.Int64 // net/http calls these from goroutines of its own
		)
		trace := &httptrace.ClientTrace{
			GetConn:              func(hostPort string) { wanted = append(wanted, hostPort) },
			GotConn:              func(info httptrace.GotConnInfo) { got = append(got, info) },
			WroteHeaders:         func() { others.Add(1) },
			WroteRequest:         func(httptrace.WroteRequestInfo) { others.Add(100) },
			GotFirstResponseByte: func() { others.Add(10000) },
		}
		for range 2 {
			req := newRequest(t, http.MethodGet, server.URL(), nil)
			exchange(t, tr, req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
		}
		assert.Equal(t, []string{server.Addr(), server.Addr()}, wanted)
		require.Len(t, got, 2)
		assert.False(t, got[0].Reused)
		assert.True(t, got[1].Reused)
		assert.False(t, got[0].WasIdle)
		assert.True(t, got[1].WasIdle)
		first := server.Addr()
		if r != nil {
			first = r.Addr()
		}
		for _, info := range got {
			if assert.NotNil(t, info.Conn, "traces ask it for its addresses") {
				assert.Equal(t, first, info.Conn.RemoteAddr().String())
			}
		}
		assert.Equal(t, int64(20202), others.Load(), "each of the others twice")
	})
}

// How long a connection was idle is told too.
func TestHTTPTraceIdleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, stop := serveMemory(t, upstreams[0], nil, text("ok"))
		defer stop()
		tr, err := transport.New(transport.Config{Dialer: server})
		require.NoError(t, err)
		var got httptrace.GotConnInfo
		for range 2 {
			req := unbounded(t, http.MethodGet, server.url, nil)
			_, err := callBody(tr, req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
				GotConn: func(info httptrace.GotConnInfo) { got = info },
			})))
			require.NoError(t, err)
			pause(42 * time.Second)
		}
		assert.Equal(t, 42*time.Second, got.IdleTime)
		require.NoError(t, tr.Close())
	})
}

// A caller's httptrace is told about the dial that was made for its request.
func TestHTTPTraceSeesTheDial(t *testing.T) {
	ca := newCA(t)
	server := newServer(t, transporttest.ServerConfig{CA: ca, Handler: text("ok")})
	tr := newTransport(t, transport.Config{TLS: trust(ca)})
	var steps []string
	req := newRequest(t, http.MethodGet, server.URL(), nil)
	exchange(t, tr, req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		ConnectStart: func(network, addr string) { steps = append(steps, "start "+network+" "+addr) },
		ConnectDone:  func(_, _ string, err error) { steps = append(steps, fmt.Sprint("done ", err)) },
		GetConn:      func(string) { steps = append(steps, "get") },
		GotConn:      func(httptrace.GotConnInfo) { steps = append(steps, "got") },
	})))
	assert.Equal(t, []string{"get", "start tcp " + server.Addr(), "done <nil>", "got"}, steps)
}

func TestTrace(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("ok")})
	proxy := parse(t, "http://user:"+marker+"@"+closedPort(t))
	tr := newTransport(t, transport.Config{Proxy: proxy, FallbackToDirect: true})
	var told []string
	record := func(name string) *transport.Trace {
		return &transport.Trace{
			GotAgent: func(a transport.AgentInfo) {
				told = append(told, fmt.Sprintf("%s: agent %s %v %v", name, a.Origin, a.Proxy, a.HTTP2))
			},
			Retry:    func(e *transport.Error) { told = append(told, fmt.Sprintf("%s: retry %v", name, e.Phase)) },
			Fallback: func(e *transport.Error) { told = append(told, fmt.Sprintf("%s: fallback %v", name, e.Phase)) },
		}
	}
	ctx := transport.WithTrace(t.Context(), record("outer"))
	ctx = transport.WithTrace(ctx, &transport.Trace{}) // nil funcs are left out
	ctx = transport.WithTrace(ctx, record("inner"))
	exchange(t, tr, newRequest(t, http.MethodGet, server.URL(), nil).WithContext(ctx))
	via, direct := fmt.Sprintf("agent %s %v false", server.URL(), proxy), fmt.Sprintf("agent %s direct false", server.URL())
	assert.Equal(t, []string{
		"inner: " + via, "outer: " + via, "inner: fallback dial-proxy", "outer: fallback dial-proxy", "inner: " + direct, "outer: " + direct,
	}, told)
	assertHidden(t, "trace", strings.Join(told, "\n"))

	told = nil
	alone := newTransport(t, transport.Config{Proxy: proxy})
	refused(t, alone, newRequest(t, http.MethodGet, server.URL(), nil).WithContext(transport.WithTrace(t.Context(), record("t"))))
	assert.Equal(t, []string{"t: " + via, "t: retry dial-proxy", "t: " + via}, told)
}

// The context's values reach the dialer, its end does not: others may wait for the
// same connection.
func TestDialsTakeTheValuesOfTheContext(t *testing.T) {
	type key struct{}
	var value any
	tr := newTransport(t, transport.Config{Retries: -1, Dialer: &dialerFunc{func(ctx context.Context, _, _ string) (net.Conn, error) {
		value = ctx.Value(key{})
		return nil, syscall.ECONNREFUSED
	}}})
	refused(t, tr, newRequest(t, http.MethodGet, "http://10.99.0.1", nil).WithContext(context.WithValue(t.Context(), key{}, "mine")))
	assert.Equal(t, "mine", value)
}

// The first layer is outermost; nil ones are left out.
func TestChain(t *testing.T) {
	var steps []string
	layer := func(name string) transport.Middleware {
		return func(next http.RoundTripper) http.RoundTripper {
			return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				steps = append(steps, name)
				return next.RoundTrip(r)
			})
		}
	}
	end := transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, io.EOF })
	_, err := transport.Chain(end, layer("a"), nil, layer("b")).RoundTrip(newRequest(t, http.MethodGet, "http://a.test", nil))
	require.ErrorIs(t, err, io.EOF)
	assert.Equal(t, []string{"a", "b"}, steps)
}
