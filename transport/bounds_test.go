package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

const (
	manyCalls   = 3000
	manyCallers = 32
)

// callMany makes the calls, so many at a time, and fails the test if one fails.
// It returns how many HTTP/1.1 connections net/http did not give back after a call:
// on a machine that is so busy that a goroutine waits 50 ms for its turn, it takes a
// request for half written and drops the connection.
func callMany(t *testing.T, rt http.RoundTripper, url string, calls int) (lost int) {
	t.Helper()
	var (
		next, kept atomic.Int64
		wg         sync.WaitGroup
		failed     = make(chan error, manyCallers)
	)
	ctx := httptrace.WithClientTrace(bounded(t), &httptrace.ClientTrace{PutIdleConn: func(err error) {
		if err == nil {
			kept.Add(1)
		}
	}})
	for range manyCallers {
		wg.Go(func() {
			for next.Add(1) <= int64(calls) {
				if err := callOnce(ctx, rt, url); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		require.NoError(t, err)
	}
	return calls - int(kept.Load())
}

func callOnce(ctx context.Context, rt http.RoundTripper, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"model":"m"}`))
	if err != nil {
		return err
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && string(body) != "ok" {
		err = errors.New("the wrong answer")
	}
	return err
}

// slowly is a way for a proxy to its targets that takes its time, as networks do,
// so that callers meet while dials are under way. It is no way to be lucky: the
// bound holds however long it takes.
func slowly(ctx context.Context, network, addr string) (net.Conn, error) {
	timer := time.NewTimer(5 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return new(net.Dialer).DialContext(ctx, network, addr)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// 3,000 calls by 32 callers make at most 32 connections, ever, by every route to
// every kind of endpoint. net/http cannot promise that (transport-facts 11).
func TestThreeThousandCallsThirtyTwoConnections(t *testing.T) {
	ca := newCA(t)
	calls := manyCalls
	if testing.Short() {
		calls /= 10
	}
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		server := up.start(t, ca, text("ok"))
		config := transport.Config{TLS: trust(ca), HTTP2: transport.HTTP2Always}
		accepted := server.Accepted
		if route == "direct" {
			config.Dialer = &dialerFunc{slowly}
		} else {
			r := newRig(t, route, transporttest.ProxyConfig{User: "user", Dial: slowly})
			config.Proxy, config.ProxyTLS = r.dialer.Proxy, r.dialer.TLS
			accepted = r.Accepted
		}
		tr := newTransport(t, config)
		lost := callMany(t, tr, server.URL(), calls)
		bound := manyCallers + lost
		if up.h2 {
			bound = 1 // it takes far more than 32 streams
		}
		assert.LessOrEqual(t, accepted(), bound)
		assert.Positive(t, accepted())
		stats := tr.Stats()
		assert.Zero(t, stats.InUse)
		assert.LessOrEqual(t, stats.Conns, bound)
		assert.Equal(t, 1, stats.Agents)

		require.NoError(t, tr.Close())
		require.NoError(t, server.Wait(bounded(t), nothingOpen))
	})
}

// When the dial that all wait for fails, all are told, and the next request dials
// anew.
func TestColdHerdSharesAFailure(t *testing.T) {
	const herd = 16
	synctest.Test(t, func(t *testing.T) {
		var dials atomic.Int64
		release := make(chan struct{})
		tr, err := transport.New(transport.Config{Retries: -1, Dialer: &dialerFunc{func(context.Context, string, string) (net.Conn, error) {
			dials.Add(1)
			<-release
			return nil, assert.AnError
		}}})
		require.NoError(t, err)
		results := make(chan error, herd)
		for range herd {
			go func() { results <- callOnce(t.Context(), tr, "https://10.99.0.1/") }()
		}
		synctest.Wait()
		close(release)
		for range herd {
			err := <-results
			require.ErrorIs(t, err, assert.AnError)
			assert.Equal(t, transport.PhaseDialTarget, typed(t, err).Phase)
		}
		assert.Equal(t, int64(1), dials.Load())
		require.Error(t, callOnce(t.Context(), tr, "https://10.99.0.1/"))
		assert.Equal(t, int64(2), dials.Load())
		require.NoError(t, tr.Close())
	})
}

// An endpoint that was hoped to speak HTTP/2 and does not gets a connection for each
// caller after all.
func TestColdHerdOnHTTP1(t *testing.T) {
	const herd = 16
	ca := newCA(t)
	arrived, release := make(chan struct{}, herd), make(chan struct{})
	server := newServer(t, transporttest.ServerConfig{CA: ca, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "ok")
	})})
	tr := newTransport(t, transport.Config{TLS: trust(ca)})
	results := make(chan error, herd)
	for range herd {
		go func() { results <- callOnce(bounded(t), tr, server.URL()) }()
	}
	for range herd {
		select {
		case <-arrived:
		case <-bounded(t).Done():
			require.Fail(t, "some requests wait for others")
		}
	}
	close(release)
	for range herd {
		require.NoError(t, <-results)
	}
	assert.Equal(t, herd, server.Accepted())
}

// More callers than an HTTP/2 connection takes streams: as many connections as that
// needs, and every connection is used again, at one stream each as well.
func TestHTTP2StreamLimits(t *testing.T) {
	ca := newCA(t)
	for _, streams := range []int{1, 4} {
		t.Run(map[int]string{1: "one", 4: "four"}[streams], func(t *testing.T) {
			addr, accepted := serveHTTP2(t, ca, streams, text("ok"))
			tr := newTransport(t, transport.Config{TLS: trust(ca)})
			for range 50 {
				require.NoError(t, callOnce(bounded(t), tr, "https://"+addr))
			}
			// One caller needs one connection. Where that takes one stream, a second one
			// may be opened when net/http has not yet forgotten the last stream.
			assert.LessOrEqual(t, accepted.Load(), int64(2))

			callMany(t, tr, "https://"+addr, 1000)
			assert.LessOrEqual(t, accepted.Load(), int64(2*manyCallers/streams+1))
			assert.Zero(t, tr.Stats().InUse)
		})
	}
}

// serveHTTP2 is a server that allows so many streams on a connection, and counts
// its connections.
func serveHTTP2(t *testing.T, ca *transporttest.CA, streams int, handler http.Handler) (addr string, accepted *atomic.Int64) {
	t.Helper()
	certificate, err := ca.Certificate()
	require.NoError(t, err)
	accepted = new(atomic.Int64)
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	server := &http.Server{
		Handler: handler, Protocols: protocols, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: streams},
		ErrorLog:  log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				accepted.Add(1)
			}
		},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.ServeTLS(listener, "", "")
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return listener.Addr().String(), accepted
}
