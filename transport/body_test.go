package transport_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// holding answers with the first half of a body and waits until the client goes.
var holding = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "half")
	w.(http.Flusher).Flush()
	<-r.Context().Done()
	panic(http.ErrAbortHandler) // or the rest would look like the end of a whole body
})

// silence reads a request, says so, and never answers it: not even when the client
// has gone, since that may come before the connection's end.
func silence(read func()) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		read()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	})
}

// half opens an answer and reads its first half.
func half(t *testing.T, tr *transport.Transport, req *http.Request) *http.Response {
	t.Helper()
	resp, err := tr.RoundTrip(req)
	require.NoError(t, err)
	_, err = io.ReadFull(resp.Body, make([]byte, len("half")))
	require.NoError(t, err)
	return resp
}

// What an answer holds is given back once, however and how often it ends.
func TestBodyIsReleasedOnce(t *testing.T) {
	ca := newCA(t)
	endings := map[string]func(t *testing.T, body io.ReadCloser){
		"EOF and Close": func(t *testing.T, body io.ReadCloser) {
			_, err := io.ReadAll(body)
			require.NoError(t, err)
			n, err := body.Read(make([]byte, 1))
			assert.Zero(t, n)
			assert.Equal(t, io.EOF, err, "EOF comes bare, for readers that compare")
			require.NoError(t, body.Close())
		},
		"Close alone": func(t *testing.T, body io.ReadCloser) { require.NoError(t, body.Close()) },
		"Close, Close": func(t *testing.T, body io.ReadCloser) {
			require.NoError(t, body.Close())
			require.NoError(t, body.Close())
		},
		"Close and Read": func(t *testing.T, body io.ReadCloser) {
			require.NoError(t, body.Close())
			_, err := body.Read(make([]byte, 1))
			require.Error(t, err)
			require.NoError(t, body.Close())
		},
	}
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		server := up.start(t, ca, text(strings.Repeat("x", 1<<20)))
		config, _ := through(t, route, transport.Config{TLS: trust(ca)})
		tr := newTransport(t, config)
		for name, end := range endings {
			resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, server.URL(), nil))
			require.NoError(t, err, name)
			require.Equal(t, 1, tr.Stats().InUse, name)
			end(t, resp.Body)
			require.Zero(t, tr.Stats().InUse, name)
		}
		require.NoError(t, tr.Shutdown(bounded(t)), "somebody was released too often or not at all")
	})
}

// Reading an answer to its end keeps the connection for the next request; leaving
// it early costs an HTTP/1.1 connection, and nothing on HTTP/2.
func TestConnectionsAfterABody(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/half" {
				holding(w, r)
			}
			_, _ = io.WriteString(w, "whole")
		}))
		config, r := through(t, route, transport.Config{TLS: trust(ca)})
		accepted := server.Accepted
		if r != nil {
			accepted = r.Accepted
		}
		tr := newTransport(t, config)
		for range 3 {
			get(t, tr, server.URL())
		}
		require.Equal(t, 1, accepted())

		resp := half(t, tr, newRequest(t, http.MethodGet, server.URL()+"/half", nil))
		require.NoError(t, resp.Body.Close())
		if up.h2 {
			assert.Equal(t, 1, tr.Stats().Conns)
		} else {
			assert.Zero(t, tr.Stats().Conns)
			require.NoError(t, server.Wait(bounded(t), nothingOpen))
		}
		get(t, tr, server.URL())
		assert.Equal(t, map[bool]int{true: 1, false: 2}[up.h2], accepted())
	})
}

// Close may come while a Read waits, and ends it.
func TestCloseWhileReadWaits(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		server := up.start(t, ca, holding)
		config, _ := through(t, route, transport.Config{TLS: trust(ca)})
		tr := newTransport(t, config)
		resp := half(t, tr, newRequest(t, http.MethodGet, server.URL(), nil))
		reading, read := make(chan struct{}), make(chan error, 1)
		go func() {
			close(reading)
			_, err := resp.Body.Read(make([]byte, 1))
			read <- err
		}()
		<-reading
		require.NoError(t, resp.Body.Close())
		err := <-read
		require.Error(t, err)
		assert.NotErrorIs(t, err, io.EOF, "the answer was not whole")
		assert.Zero(t, tr.Stats().InUse)
	})
}

// An answer that breaks off is an error in PhaseBody, the same for ever after, also
// when the Transport has been closed meanwhile or the caller has gone.
func TestBrokenBody(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		if !up.secure && strings.HasPrefix(route, "http") {
			return // see TestProxyCutsABody: the proxy is the one who breaks off
		}
		server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}))
		config, _ := through(t, route, transport.Config{TLS: trust(ca), FallbackToDirect: true, Retries: 3})
		tr := newTransport(t, config)
		ctx, cancel := context.WithCancel(t.Context())
		resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, server.URL(), nil).WithContext(ctx))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		assert.Equal(t, "half", string(body))
		first := typed(t, err)
		assert.Equal(t, transport.PhaseBody, first.Phase)
		assert.Equal(t, transport.SentYes, first.Sent)
		assert.Equal(t, server.Addr(), first.Addr)
		assert.Equal(t, route == "direct", first.Proxy == nil)
		assert.False(t, first.Timeout())
		assert.Zero(t, tr.Stats().InUse)

		cancel()
		require.NoError(t, tr.Close())
		for range 2 {
			n, err := resp.Body.Read(make([]byte, 1))
			assert.Zero(t, n)
			require.EqualError(t, err, first.Error())
			require.NotErrorIs(t, err, transport.ErrClosed)
			require.NotErrorIs(t, err, context.Canceled)
		}
		require.NoError(t, resp.Body.Close())
	})
}

func TestProxyCutsABody(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text(strings.Repeat("x", 1<<16))})
	for _, scheme := range []string{"http", "https", "socks5"} {
		t.Run(scheme, func(t *testing.T) {
			r := newRig(t, scheme, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultCutBody, After: 1 << 10}})
			tr := newTransport(t, transport.Config{Proxy: r.dialer.Proxy, ProxyTLS: r.dialer.TLS, FallbackToDirect: true})
			resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, server.URL(), nil))
			require.NoError(t, err)
			_, err = io.ReadAll(resp.Body)
			e := typed(t, err)
			assert.Equal(t, transport.PhaseBody, e.Phase)
			assert.Equal(t, transport.SentYes, e.Sent)
			assert.Same(t, r.dialer.Proxy, e.Proxy)
			require.NoError(t, resp.Body.Close())
		})
	}
}

// A caller who gives up in the middle of an answer learns that it did, and its
// reason.
func TestCancelInTheBody(t *testing.T) {
	ca := newCA(t)
	reason := errors.New("the user went home")
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		server := up.start(t, ca, holding)
		config, _ := through(t, route, transport.Config{TLS: trust(ca)})
		tr := newTransport(t, config)
		ctx, cancel := context.WithCancelCause(t.Context())
		resp := half(t, tr, newRequest(t, http.MethodGet, server.URL(), nil).WithContext(ctx))
		cancel(reason)
		_, err := io.ReadAll(resp.Body)
		e := typed(t, err)
		assert.Equal(t, transport.PhaseBody, e.Phase)
		assert.False(t, e.Timeout())
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, reason)
		require.NoError(t, resp.Body.Close())
		assert.Zero(t, tr.Stats().InUse)
	})
}

// And while it waits for an answer that does not come.
func TestCancelWhileWaiting(t *testing.T) {
	ca := newCA(t)
	reason := errors.New("the user went home")
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		arrived := make(chan struct{})
		server := up.start(t, ca, silence(func() { close(arrived) }))
		config, _ := through(t, route, transport.Config{TLS: trust(ca), FallbackToDirect: true, Retries: 3})
		tr := newTransport(t, config)
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-arrived
			cancel(reason)
		}()
		body := &recorder{Reader: strings.NewReader("x")}
		e := refused(t, tr, newRequest(t, http.MethodPost, server.URL(), body).WithContext(ctx))
		// The endpoint may have the whole request a moment before net/http says so.
		assert.Contains(t, []transport.Phase{transport.PhaseSend, transport.PhaseWait}, e.Phase)
		assert.NotEqual(t, transport.SentNo, e.Sent)
		assert.False(t, e.Timeout())
		require.ErrorIs(t, e, context.Canceled)
		require.ErrorIs(t, e, reason)
		eventuallyClosed(t, body)
		assert.Zero(t, tr.Stats().InUse)
	})
}

// A caller's deadline is a time-out.
func TestDeadlineWhileWaiting(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		server := up.start(t, ca, silence(func() {}))
		config, _ := through(t, route, transport.Config{TLS: trust(ca), FallbackToDirect: true})
		ctx, cancel := context.WithTimeout(t.Context(), brief)
		defer cancel()
		e := refused(t, newTransport(t, config), newRequest(t, http.MethodGet, server.URL(), nil).WithContext(ctx))
		assert.Equal(t, transport.PhaseWait, e.Phase)
		assert.True(t, e.Timeout())
		require.ErrorIs(t, e, context.DeadlineExceeded)
		assert.NotErrorIs(t, e, context.Canceled)
	})
}
