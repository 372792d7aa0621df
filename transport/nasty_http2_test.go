package transport_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// Any end of a stream but REFUSED_STREAM may come after the request was processed.
// net/http by itself sends it again after PROTOCOL_ERROR, without end.
func nastyResets(t *testing.T) {
	ca := newCA(t)
	for _, code := range []http2.ErrCode{http2.ErrCodeProtocol, http2.ErrCodeInternal, http2.ErrCodeCancel, http2.ErrCodeEnhanceYourCalm} {
		for _, proven := range []bool{false, true} {
			name := code.String() + map[bool]string{false: " from the first", true: " after a good answer"}[proven]
			t.Run(name, func(t *testing.T) {
				for _, method := range []string{http.MethodGet, http.MethodPost} {
					peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca, Serve: func(s *transporttest.H2Stream) {
						if s.Path() == "/good" {
							s.Answer(http.StatusOK, nil, "good")
							return
						}
						s.Reset(code)
					}})
					tr := newTransport(t, transport.Config{TLS: trust(ca), Retries: 5, FallbackToDirect: true})
					if proven {
						get(t, tr, peer.URL()+"/good")
					}
					before := peer.Requests()
					req := posting(t, peer.URL())
					req.Method = method
					e := refused(t, tr, req)
					assert.Equal(t, transport.SentUnknown, e.Sent)
					assert.True(t, e.HTTP2)
					assert.Equal(t, peer.Addr(), e.Addr)
					var reset http2.StreamError
					require.ErrorAs(t, e, &reset)
					assert.Equal(t, code, reset.Code)
					assert.Equal(t, 1, peer.Requests()-before, "sent again")
					assert.Zero(t, tr.Stats().InUse)
				}
			})
		}
	}
}

// A refused stream was not processed: it is sent again, and when it is always refused
// the end comes at once, not after a minute of hidden back-off.
func nastyRefusedStreams(t *testing.T) {
	ca := newCA(t)
	t.Run("once", func(t *testing.T) {
		peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca, Serve: func(s *transporttest.H2Stream) {
			if s.Number() == 2 {
				s.Reset(http2.ErrCodeRefusedStream)
				return
			}
			body, err := s.ReadBody()
			if err == nil {
				s.Answer(http.StatusOK, nil, "got "+string(body))
			}
		}})
		tr := newTransport(t, transport.Config{TLS: trust(ca)})
		get(t, tr, peer.URL())
		_, answer := exchange(t, tr, newRequest(t, http.MethodPost, peer.URL(), strings.NewReader("a question")))
		assert.Equal(t, "got a question", answer)
		assert.Equal(t, 3, peer.Requests())
		assert.Equal(t, 1, peer.Accepted(), "the connection is as good as before")
	})
	for retries, sent := range map[int]int{-1: 1, 0: 2, 2: 3} {
		t.Run("always", func(t *testing.T) {
			peer := newH2Peer(t, transporttest.H2PeerConfig{CA: ca, Serve: func(s *transporttest.H2Stream) { s.Reset(http2.ErrCodeRefusedStream) }})
			tr := newTransport(t, transport.Config{TLS: trust(ca), Retries: retries})
			began := time.Now()
			e := refused(t, tr, newRequest(t, http.MethodPost, peer.URL(), strings.NewReader("x")))
			assert.Less(t, time.Since(began), patience/4)
			assert.Equal(t, transport.SentNo, e.Sent)
			assert.Equal(t, transport.PhaseSend, e.Phase)
			var reset http2.StreamError
			require.ErrorAs(t, e, &reset)
			assert.Equal(t, http2.ErrCodeRefusedStream, reset.Code)
			assert.Equal(t, sent, peer.Requests())
			assert.Zero(t, tr.Stats().InUse)
		})
	}
}

// A connection that swallows everything is found out by pings, within ping and
// time-out, and the next request has a new one.
func nastyBlackHole(t *testing.T) {
	ca := newCA(t)
	synctest.Test(t, func(t *testing.T) {
		server, stop := serveMemory(t, upstreams[2], ca, text("ok"))
		defer stop()
		var holes []*blackhole
		tr, err := transport.New(transport.Config{TLS: trust(ca), Dialer: &dialerFunc{func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := server.DialContext(ctx, network, addr)
			hole := &blackhole{Conn: conn}
			holes = append(holes, hole)
			return hole, err
		}}})
		require.NoError(t, err)
		ask := func() (string, error) {
			return callBody(tr, unbounded(t, http.MethodPost, server.url, strings.NewReader("x")))
		}
		for range 2 {
			body, err := ask()
			require.NoError(t, err)
			assert.Equal(t, "ok", body)
		}
		require.Len(t, holes, 1)

		holes[0].open.Store(true)
		began := time.Now()
		_, err = ask()
		const ping, timeout = 15 * time.Second, 15 * time.Second
		assert.LessOrEqual(t, time.Since(began), ping+timeout+time.Second)
		e := typed(t, err)
		assert.Equal(t, transport.PhaseWait, e.Phase)
		assert.Equal(t, transport.SentUnknown, e.Sent)
		assert.Zero(t, tr.Stats().Conns)
		assert.Zero(t, tr.Stats().InUse)

		body, err := ask()
		require.NoError(t, err)
		assert.Equal(t, "ok", body)
		assert.Len(t, holes, 2)
		require.NoError(t, tr.Close())
	})
}

// blackhole is a connection that, once open, loses what is written.
type blackhole struct {
	net.Conn
	open atomic.Bool
}

func (b *blackhole) Write(p []byte) (int, error) {
	if b.open.Load() {
		return len(p), nil
	}
	return b.Conn.Write(p)
}

// 64 requests that come at once to an endpoint nobody has spoken to make one dial
// where HTTP/2 may come of it, and the first caller's cancel fails nobody else.
func nastyColdHerd(t *testing.T) {
	const herd = 64
	ca := newCA(t)
	server := newServer(t, transporttest.ServerConfig{Handler: text("ok"), CA: ca, HTTP2: true})
	var dials atomic.Int64
	started, release := make(chan struct{}), make(chan struct{})
	tr := newTransport(t, transport.Config{TLS: trust(ca), Dialer: &dialerFunc{func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) == 1 {
			close(started)
		}
		select {
		case <-release:
			return new(net.Dialer).DialContext(ctx, network, addr)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}})

	// The first caller starts the dial and gives up.
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- callOnce(ctx, tr, server.URL()) }()
	<-started
	results := make(chan error, herd)
	for range herd {
		go func() { results <- callOnce(bounded(t), tr, server.URL()) }()
	}
	require.Eventually(t, func() bool { return tr.Stats().InUse == herd+1 }, patience, pollEvery)
	cancel()
	err := <-first
	require.ErrorIs(t, err, context.Canceled)
	e := typed(t, err)
	assert.Equal(t, transport.PhaseDialTarget, e.Phase)
	assert.Equal(t, transport.SentNo, e.Sent)

	close(release)
	for range herd {
		require.NoError(t, <-results, "one caller's cancel failed another")
	}
	assert.Equal(t, int64(1), dials.Load())
	assert.Equal(t, 1, server.Accepted())
	assert.Zero(t, tr.Stats().InUse)
}
