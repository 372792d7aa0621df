package transport_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	"github.com/aitransport/aitransport/transport"
)

// unsound is a server that agrees on HTTP/2 and then does something else with it,
// but speaks HTTP/1.1 as it should. It returns its URL and how often HTTP/2 was tried.
func unsound(t *testing.T, config *tls.Config, http2 func(*tls.Conn)) (url string, tried *atomic.Int64) {
	t.Helper()
	tried = new(atomic.Int64)
	server := &http.Server{
		TLSConfig: config,
		ErrorLog:  log.New(io.Discard, "", 0),
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }),
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){
			"h2": func(_ *http.Server, conn *tls.Conn, _ http.Handler) {
				tried.Add(1)
				http2(conn)
				_ = conn.Close()
			},
		},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(tls.NewListener(listener, config))
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return "https://" + listener.Addr().String(), tried
}

// resets answers each request of an HTTP/2 connection with RST_STREAM.
func resets(code http2.ErrCode) func(*tls.Conn) {
	return func(conn *tls.Conn) {
		if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		framer := http2.NewFramer(conn, conn)
		_ = framer.WriteSettings()
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			if headers, ok := frame.(*http2.HeadersFrame); ok {
				_ = framer.WriteRSTStream(headers.StreamID, code)
			}
		}
	}
}

// Where HTTP/2 is agreed on and does not work, requests go by HTTP/1.1: at once if
// nothing was sent, and from then on.
func TestDowngradeIsLearnt(t *testing.T) {
	cases := map[string]struct {
		http2 func(*tls.Conn)
		begun bool // the request's body was
		lost  bool // the first request may have been executed
	}{
		"hangs up":           {http2: func(*tls.Conn) {}},
		"speaks HTTP/1.1":    {http2: func(c *tls.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }},
		"asks for HTTP/1.1":  {http2: resets(http2.ErrCodeHTTP11Required), begun: true},
		"finds frames wrong": {http2: resets(http2.ErrCodeProtocol), lost: true},
	}
	ca := newCA(t)
	for name, c := range cases {
		for _, route := range []string{"direct", "http"} {
			t.Run(name+"/"+route, func(t *testing.T) {
				certificate, err := ca.Certificate()
				require.NoError(t, err)
				url, tried := unsound(t, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}}, c.http2)
				var log logBuffer
				config, _ := through(t, route, transport.Config{TLS: trust(ca), Logger: log.logger(), ProviderID: "main", Retries: -1})
				tr := newTransport(t, config)
				var told []*transport.Error
				ctx := transport.WithTrace(bounded(t), &transport.Trace{Downgrade: func(e *transport.Error) { told = append(told, e) }})
				ask := func() (*http.Response, error) {
					var body io.Reader = strings.NewReader("hello")
					if !c.begun {
						body = struct{ io.Reader }{body} // no GetBody
					}
					return tr.RoundTrip(newRequest(t, http.MethodPost, url, body).WithContext(ctx))
				}
				if c.lost {
					_, err := ask()
					e := typed(t, err)
					assert.Equal(t, transport.SentUnknown, e.Sent)
					assert.True(t, e.HTTP2)
				}
				for range 3 {
					resp, err := ask()
					require.NoError(t, err)
					answer, err := readAndClose(resp)
					require.NoError(t, err)
					assert.Equal(t, "hello", answer)
					assert.Equal(t, "HTTP/1.1", resp.Proto)
				}
				assert.Equal(t, int64(1), tried.Load(), "HTTP/2 was tried again")
				require.Len(t, told, 1)
				assert.Equal(t, config.Proxy, told[0].Proxy)
				line := log.line(t, "HTTP/2 failed, falling back to HTTP/1.1")
				assert.Contains(t, line, "level=WARN")
				assert.Contains(t, line, "origin="+url)
				assert.Contains(t, line, "providerId=main")
				assert.Contains(t, line, "fallbackToDirect=false")
				assert.Contains(t, line, "http2Enabled=true")
				assert.Contains(t, line, "proxyUrl="+config.Proxy.String())
				assertHidden(t, "log", line)
			})
		}
	}
}

// An endpoint that ends TLS because HTTP/2 was offered is reached without the offer.
func TestDowngradeAfterAnAlert(t *testing.T) {
	ca := newCA(t)
	certificate, err := ca.Certificate()
	require.NoError(t, err)
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedProtos, "h2") {
			return &tls.Config{Certificates: config.Certificates, NextProtos: []string{"none of these"}}, nil
		}
		return nil, nil //nolint:nilnil // crypto/tls asks for it: the config as it is
	}
	url, _ := unsound(t, config, nil)
	tr := newTransport(t, transport.Config{TLS: trust(ca)})
	resp, _ := get(t, tr, url)
	assert.Equal(t, "HTTP/1.1", resp.Proto)
}

// Failures that say nothing about HTTP/2 teach nothing.
func TestDowngradeIsNotLearntFromOtherFailures(t *testing.T) {
	for name, e := range map[string]*transport.Error{
		"HTTP/1.1":             {Phase: transport.PhaseSend, Sent: transport.SentNo, Err: io.EOF},
		"a refused stream":     {Phase: transport.PhaseSend, Sent: transport.SentNo, HTTP2: true, Err: http2.StreamError{Code: http2.ErrCodeRefusedStream}},
		"a time-out":           {Phase: transport.PhaseWait, HTTP2: true, Err: context.DeadlineExceeded},
		"TLS cut off":          {Phase: transport.PhaseTargetTLS, Sent: transport.SentNo, HTTP2: true, Err: io.EOF},
		"an alert":             {Phase: transport.PhaseTargetTLS, Sent: transport.SentNo, HTTP2: true, Code: 40},
		"a client certificate": {Phase: transport.PhaseWait, HTTP2: true, Code: 116},
	} {
		assert.False(t, transport.DefaultDowngrade(e), name)
	}
	ca := newCA(t)
	dies := make(chan struct{}, 1)
	server := upstreams[2].start(t, ca, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		select {
		case dies <- struct{}{}:
		default:
			panic(http.ErrAbortHandler) // the stream, after a good answer
		}
	}))
	tr := newTransport(t, transport.Config{TLS: trust(ca)})
	get(t, tr, server.URL())
	e := refused(t, tr, newRequest(t, http.MethodGet, server.URL(), nil))
	assert.True(t, e.HTTP2)
	<-dies
	resp, _ := get(t, tr, server.URL())
	assert.Equal(t, 2, resp.ProtoMajor)
}

// HTTP/2 is tried again after five minutes, by one request at a time, and a failure
// that HTTP/1.1 shares is not blamed on HTTP/2.
func TestDowngradeForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := &transport.Error{Phase: transport.PhaseSend, Sent: transport.SentNo, HTTP2: true, Err: io.EOF}
		two := &attempts{failures: 1, err: broken}
		one := &attempts{}
		gate := make(chan struct{})
		waiting := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPut {
				<-gate
			}
			return two.RoundTrip(req)
		})
		rt := transport.Downgrade(one, func(e *transport.Error) bool { return e == broken })(waiting)
		ask := func(method, url string) {
			resp, err := rt.RoundTrip(unbounded(t, method, url, nil))
			assert.NoError(t, err)
			_ = resp.Body.Close()
		}
		ask(http.MethodGet, "https://a.test")
		assert.Equal(t, []int{1, 1}, []int{two.calls, one.calls}, "learnt")
		ask(http.MethodGet, "https://b.test")
		assert.Equal(t, []int{2, 1}, []int{two.calls, one.calls}, "of one origin")
		pause(5*time.Minute - time.Second)
		ask(http.MethodGet, "https://a.test")
		assert.Equal(t, []int{2, 2}, []int{two.calls, one.calls}, "remembered")
		pause(time.Second)
		go ask(http.MethodPut, "https://a.test")
		synctest.Wait()
		ask(http.MethodGet, "https://a.test")
		assert.Equal(t, []int{2, 3}, []int{two.calls, one.calls}, "while another tries")
		close(gate)
		synctest.Wait()
		ask(http.MethodGet, "https://a.test")
		assert.Equal(t, []int{4, 3}, []int{two.calls, one.calls}, "forgotten")
	})

	unsent := &transport.Error{Phase: transport.PhaseSend, Sent: transport.SentNo, HTTP2: true, Err: io.EOF}
	down := &attempts{failures: 1, err: unsent}
	h1 := &attempts{failures: 1, err: &transport.Error{Phase: transport.PhaseDialTarget, Sent: transport.SentNo, Err: errReset}}
	rt := transport.Downgrade(h1, func(*transport.Error) bool { return true })(down)
	_, err := rt.RoundTrip(newRequest(t, http.MethodGet, "https://a.test", nil))
	require.ErrorIs(t, err, unsent, "the first failure tells more")
	exchange(t, rt, newRequest(t, http.MethodGet, "https://a.test", nil))
	assert.Equal(t, []int{2, 1}, []int{down.calls, h1.calls}, "both failed: it was not HTTP/2")
}

// TLS's session tickets, which only those get who keep sessions, are not mistaken for
// HTTP/2.
func TestDowngradeWithSessionTickets(t *testing.T) {
	ca := newCA(t)
	certificate, err := ca.Certificate()
	require.NoError(t, err)
	config := &tls.Config{
		Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"},
		ClientAuth: tls.RequestClientCert, // lets crypto/tls send its tickets after the handshake
	}
	url, tried := unsound(t, config, func(conn *tls.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, len(http2.ClientPreface)))
		pause(20 * time.Millisecond) // so that the tickets come alone
	})
	roots := trust(ca)
	roots.ClientSessionCache = tls.NewLRUClientSessionCache(10)
	tr := newTransport(t, transport.Config{TLS: roots, Retries: -1})
	for range 3 {
		resp, _ := exchange(t, tr, newRequest(t, http.MethodPost, url, &recorder{Reader: strings.NewReader("x")}))
		assert.Equal(t, "HTTP/1.1", resp.Proto)
	}
	assert.Equal(t, int64(1), tried.Load())

	server := upstreams[2].start(t, ca, text("hi"))
	for range 3 {
		resp, _ := get(t, newTransport(t, transport.Config{TLS: roots}), server.URL())
		assert.Equal(t, "HTTP/2.0", resp.Proto, "a session that is taken up again")
	}
}
