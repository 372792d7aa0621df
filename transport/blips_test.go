package transport_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// Where going direct does not help, a proxy that failed once gets its next chance at
// once: the memory of a failure must not become an outage.
func TestFallbackThatDoesNotHelpIsNotRemembered(t *testing.T) {
	proxy := parse(t, "http://proxy")
	down := &transport.Error{Phase: transport.PhaseDialProxy, Sent: transport.SentNo, Proxy: proxy, Err: errReset}
	blocked := &transport.Error{Phase: transport.PhaseDialTarget, Sent: transport.SentNo, Err: errReset}
	via, direct := &attempts{failures: 1, err: down}, &attempts{failures: 100, err: blocked}
	rt := transport.Chain(via, transport.Retry(1), transport.Fallback(direct, nil))
	for range 4 {
		exchange(t, rt, newRequest(t, http.MethodGet, "http://a.test", nil))
	}
	assert.Equal(t, 1, direct.calls)
	assert.Equal(t, 5, via.calls)
}

// A caller whose deadline is shorter than the connect budget still teaches those who
// follow that the proxy does not answer, if it waited long enough.
func TestFallbackLearnsFromCallersWithShortDeadlines(t *testing.T) {
	for wait, learnt := range map[time.Duration]bool{time.Second: false, 10 * time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			mute := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				<-req.Context().Done()
				return nil, &transport.Error{Phase: transport.PhaseProxyConnect, Sent: transport.SentNo, Proxy: parse(t, "http://proxy"), Err: req.Context().Err()}
			})
			direct := &attempts{}
			rt := transport.Fallback(direct, nil)(mute)
			ask := func() error {
				ctx, cancel := context.WithTimeout(t.Context(), wait)
				defer cancel()
				resp, err := rt.RoundTrip(unbounded(t, http.MethodGet, "http://a.test", nil).WithContext(ctx))
				if err == nil {
					err = resp.Body.Close()
				}
				return err
			}
			require.ErrorIs(t, ask(), context.DeadlineExceeded)
			assert.Zero(t, direct.calls, "too late for the first")
			assert.Equal(t, learnt, ask() == nil)
		})
	}
}

// The request that has its turn to try a proxy anew does not keep it for ever, even if
// it never comes back.
func TestFallbackTurnsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		via := transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			if tries++; tries == 2 {
				panic("a hook of the caller's")
			}
			return nil, &transport.Error{Phase: transport.PhaseDialProxy, Sent: transport.SentNo, Proxy: parse(t, "http://proxy"), Err: errReset}
		})
		rt := transport.Fallback(&attempts{}, nil)(via)
		ask := func() { exchange(t, rt, unbounded(t, http.MethodGet, "http://a.test", nil)) }
		ask()
		pause(31 * time.Second)
		assert.Panics(t, ask)
		ask()
		assert.Equal(t, 2, tries, "it is still its turn")
		pause(31 * time.Second)
		ask()
		assert.Equal(t, 3, tries)
	})
}

// A caller's own end is told as such, and teaches nothing about HTTP/2.
func TestDowngradeAndTheCallersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := &transport.Error{Phase: transport.PhaseSend, Sent: transport.SentNo, HTTP2: true, Err: io.EOF}
		wait := func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, &transport.Error{Phase: transport.PhaseWait, HTTP2: true, Err: req.Context().Err()}
		}
		always := func(*transport.Error) bool { return true }
		ask := func(rt http.RoundTripper) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			resp, err := rt.RoundTrip(unbounded(t, http.MethodGet, "https://a.test", nil).WithContext(ctx))
			if err == nil {
				err = resp.Body.Close()
			}
			return err
		}
		slow := transport.Downgrade(transport.RoundTripperFunc(wait), always)(&attempts{failures: 100, err: broken})
		require.ErrorIs(t, ask(slow), context.DeadlineExceeded)

		h1 := &attempts{}
		learning := transport.Downgrade(h1, always)(transport.RoundTripperFunc(wait))
		require.ErrorIs(t, ask(learning), context.DeadlineExceeded)
		require.ErrorIs(t, ask(learning), context.DeadlineExceeded)
		assert.Zero(t, h1.calls)
	})
}

// Who joins a dial of which a part of the time is spent gets a further one, with the
// whole time, instead of its time-out.
func TestLateWaitersGetADialOfTheirOwn(t *testing.T) {
	inBubble(t, text("hi"), transport.Config{ConnectTimeout: time.Second, Retries: -1}, func(t *testing.T, tr *transport.Transport, url string) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		e := refused(t, tr, unbounded(t, http.MethodGet, url, nil).WithContext(context.WithValue(ctx, stuckDial{}, true)))
		require.ErrorIs(t, e, context.DeadlineExceeded)
		pause(700 * time.Millisecond)
		began := time.Now()
		exchange(t, tr, unbounded(t, http.MethodGet, url, nil))
		assert.LessOrEqual(t, time.Since(began), 200*time.Millisecond)
	})
}

// stuckDial is the key of a context whose dial never ends by itself.
type stuckDial struct{}

// After an upload that its peer did not take, others on HTTP/2 take a new connection:
// the old one has no room for them.
func TestUploadsAfterAStalledOne(t *testing.T) {
	ca := newCA(t)
	peer, err := transporttest.NewH2Peer(transporttest.H2PeerConfig{CA: ca, Fault: transporttest.H2FaultNoWindow, Serve: func(s *transporttest.H2Stream) {
		if s.Header().Get("X-Large") == "" {
			s.Answer(http.StatusOK, nil, "taken")
		}
	}})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, peer.Close()) })
	tr := newTransport(t, transport.Config{TLS: trust(ca), BodyIdleTimeout: brief})
	stuck := newRequest(t, http.MethodPost, peer.URL(), bytes.NewReader(make([]byte, 1<<20)))
	stuck.Header.Set("X-Large", "yes")
	assert.Equal(t, transport.PhaseSend, refused(t, tr, stuck).Phase)
	for range 3 {
		_, answer := exchange(t, tr, newRequest(t, http.MethodPost, peer.URL(), strings.NewReader("0123456789")))
		assert.Equal(t, "taken", answer)
	}
	assert.Equal(t, 1, tr.Stats().Conns)
	assert.Equal(t, 2, peer.Stats().Accepted)
}

// Who speaks another protocol may be silent for as long as it likes.
func TestUpgradedConnectionsMayBeSilent(t *testing.T) {
	addr := listen(t, func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = conn.Read(make([]byte, 1)) // until it is told to go on
		_, _ = io.WriteString(conn, "x")
	})
	tr := newTransport(t, transport.Config{BodyIdleTimeout: 20 * time.Millisecond})
	req := newRequest(t, http.MethodGet, "http://"+addr, nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := tr.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	time.AfterFunc(brief, func() { _, _ = resp.Body.(io.Writer).Write([]byte("y")) })
	n, err := resp.Body.Read(make([]byte, 1))
	require.NoError(t, err)
	assert.Equal(t, 1, n)
}

// An answer without a body is over when its head is there, on every protocol.
func TestBodilessAnswersAreOverAlike(t *testing.T) {
	ca := newCA(t)
	for _, up := range upstreams {
		t.Run(up.name, func(t *testing.T) {
			server := up.start(t, ca, nil)
			tr := newTransport(t, transport.Config{TLS: trust(ca)})
			var ends atomic.Int64
			ctx := transport.WithTrace(bounded(t), &transport.Trace{BodyDone: func(transport.End) { ends.Add(1) }})
			for _, method := range []string{http.MethodHead, http.MethodGet} {
				resp, err := tr.RoundTrip(newRequest(t, method, server.URL(), nil).WithContext(ctx))
				require.NoError(t, err)
				assert.Zero(t, tr.Stats().InUse)
				require.NoError(t, resp.Body.Close())
			}
			assert.Zero(t, ends.Load())
		})
	}
}

// Trailers need a body of unknown length, which a kept one has not.
func TestReplayableLeavesTrailersAlone(t *testing.T) {
	got := make(chan string, 1)
	server := newServer(t, transporttest.ServerConfig{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got <- r.Trailer.Get("X-Sum")
	})})
	req := newRequest(t, http.MethodPost, server.URL(), struct{ io.Reader }{strings.NewReader("body")})
	req.Trailer = http.Header{"X-Sum": {"42"}}
	exchange(t, transport.Chain(newTransport(t, transport.Config{}), transport.Replayable(1000)), req)
	assert.Equal(t, "42", <-got)
}

// What lies behind the end of a coded answer is read too: its trailers, and what
// lets its connection be used again.
func TestDecodedAnswersAreReadToTheirEnd(t *testing.T) {
	ca := newCA(t)
	for _, up := range upstreams {
		t.Run(up.name, func(t *testing.T) {
			server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Trailer", "X-Sum")
				w.Header().Set("Content-Encoding", "deflate")
				_, _ = w.Write(packed(t, "zlib", plainText))
				w.(http.Flusher).Flush()
				w.Header().Set("X-Sum", "42")
			}))
			tr := newTransport(t, transport.Config{TLS: trust(ca)})
			for range 3 {
				var ends []transport.End
				ctx := transport.WithTrace(bounded(t), &transport.Trace{BodyDone: func(e transport.End) { ends = append(ends, e) }})
				resp, body := exchange(t, tr, newRequest(t, http.MethodGet, server.URL(), nil).WithContext(ctx))
				assert.JSONEq(t, plainText, body)
				assert.Equal(t, "42", resp.Trailer.Get("X-Sum"))
				require.Len(t, ends, 1)
				assert.True(t, ends[0].Whole)
			}
			assert.Equal(t, 1, server.Accepted())
		})
	}
	junk := transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		body := io.MultiReader(bytes.NewReader(packed(t, "zlib", plainText)), endless{})
		return &http.Response{Header: http.Header{"Content-Encoding": {"deflate"}}, Body: io.NopCloser(body)}, nil
	})
	resp, err := transport.Decode(nil)(junk).RoundTrip(newRequest(t, http.MethodGet, "http://a.test", nil))
	require.NoError(t, err)
	_, err = io.ReadAll(resp.Body)
	require.Error(t, err, "what has no end is not waited for")
	assert.NotErrorIs(t, err, io.EOF)
	require.NoError(t, resp.Body.Close())
}
