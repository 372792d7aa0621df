package transport_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/pool"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// stalling sends a word and then nothing until the request ends.
func stalling(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "word")
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

func TestBodyThatStalls(t *testing.T) {
	ca := newCA(t)
	for _, h2 := range []bool{false, true} {
		t.Run(map[bool]string{false: "h1", true: "h2"}[h2], func(t *testing.T) {
			server := newServer(t, transporttest.ServerConfig{CA: ca, HTTP2: h2, Handler: http.HandlerFunc(stalling)})
			tr := newTransport(t, transport.Config{TLS: trust(ca), BodyIdleTimeout: brief})
			resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, server.URL(), nil))
			require.NoError(t, err)
			var first string
			for range 3 { // every later Read reports it too
				_, err := io.ReadAll(resp.Body)
				e := typed(t, err)
				assert.Equal(t, transport.PhaseBody, e.Phase)
				assert.True(t, e.Timeout())
				require.ErrorIs(t, err, context.DeadlineExceeded)
				if first == "" {
					first = err.Error()
				}
				assert.Equal(t, first, err.Error())
			}
			require.NoError(t, resp.Body.Close())
			assert.Zero(t, tr.Stats().InUse)
		})
	}
}

func TestASlowReaderIsNoStall(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("hello")})
	tr := newTransport(t, transport.Config{BodyIdleTimeout: brief})
	resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, server.URL(), nil))
	require.NoError(t, err)
	one := make([]byte, 1)
	for range 3 {
		_, err := resp.Body.Read(one)
		require.NoError(t, err)
		select { // longer than the limit, between two reads
		case <-time.After(2 * brief):
		case <-t.Context().Done():
		}
	}
	rest, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "lo", string(rest))
	require.NoError(t, resp.Body.Close())
}

func TestHowBodiesEnd(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stall" {
			stalling(w, r)
			return
		}
		_, _ = io.WriteString(w, "word")
	})})
	tr := newTransport(t, transport.Config{})
	t.Run("read to the end: the connection is used again", func(t *testing.T) {
		for range 5 {
			get(t, tr, server.URL())
		}
		assert.Equal(t, 1, server.Accepted())
		assert.Equal(t, 1, tr.Stats().Conns)
		assert.Zero(t, tr.Stats().InUse)
	})
	t.Run("closed early: it is not", func(t *testing.T) {
		resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, server.URL()+"/stall", nil))
		require.NoError(t, err)
		assert.Equal(t, 1, tr.Stats().InUse)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, resp.Body.Close())
		assert.Zero(t, tr.Stats().InUse)
		require.NoError(t, server.Wait(bounded(t), nothingOpen))
	})
	t.Run("closed while a Read waits", func(t *testing.T) {
		resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, server.URL()+"/stall", nil))
		require.NoError(t, err)
		word := make([]byte, 4)
		_, err = io.ReadFull(resp.Body, word)
		require.NoError(t, err)
		var reading sync.WaitGroup
		reading.Go(func() {
			_, err := resp.Body.Read(word)
			assert.Error(t, err)
		})
		require.NoError(t, resp.Body.Close())
		reading.Wait()
		assert.Zero(t, tr.Stats().InUse)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, server.URL()+"/stall", nil).WithContext(ctx))
		require.NoError(t, err)
		cancel()
		_, err = io.ReadAll(resp.Body)
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, transport.PhaseBody, typed(t, err).Phase)
		require.NoError(t, resp.Body.Close())
		assert.Zero(t, tr.Stats().InUse)
	})
}

func TestHeadersThatNeverCome(t *testing.T) {
	ca := newCA(t)
	mute := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	for _, h2 := range []bool{false, true} {
		t.Run(map[bool]string{false: "h1", true: "h2"}[h2], func(t *testing.T) {
			server := newServer(t, transporttest.ServerConfig{CA: ca, HTTP2: h2, Handler: mute})
			tr := newTransport(t, transport.Config{TLS: trust(ca), HeaderTimeout: brief})
			e := refused(t, tr, newRequest(t, http.MethodGet, server.URL(), nil))
			assert.Equal(t, transport.PhaseWait, e.Phase)
			assert.True(t, e.Timeout())
			assert.NotEqual(t, transport.SentNo, e.Sent)
		})
	}
}

func TestClosing(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: http.HandlerFunc(stalling)})
	open := func(t *testing.T, tr *transport.Transport) *http.Response {
		t.Helper()
		resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, server.URL(), nil))
		require.NoError(t, err)
		return resp
	}
	t.Run("ends requests at once", func(t *testing.T) {
		tr := newTransport(t, transport.Config{})
		resp := open(t, tr)
		require.NoError(t, tr.Close())
		_, err := io.ReadAll(resp.Body)
		require.ErrorIs(t, err, transport.ErrClosed)
		require.NoError(t, resp.Body.Close())
		require.ErrorIs(t, refused(t, tr, newRequest(t, http.MethodGet, server.URL(), nil)), transport.ErrClosed)
		require.NoError(t, tr.Close())
	})
	t.Run("on a shared pool, only its own", func(t *testing.T) {
		shared := pool.New(pool.Config{})
		defer func() { require.NoError(t, shared.Close()) }()
		a, b := newTransport(t, transport.Config{Pool: shared}), newTransport(t, transport.Config{Pool: shared})
		ofA, ofB := open(t, a), open(t, b)
		assert.Equal(t, 1, shared.Stats().Agents, "equal settings share an agent")
		require.NoError(t, a.Close())
		_, err := io.ReadAll(ofA.Body)
		require.ErrorIs(t, err, transport.ErrClosed)
		require.NoError(t, ofA.Body.Close())
		word := make([]byte, 4)
		_, err = io.ReadFull(ofB.Body, word)
		require.NoError(t, err, "the other's request goes on")
		require.ErrorIs(t, refused(t, a, newRequest(t, http.MethodGet, server.URL(), nil)), transport.ErrClosed)
		require.NoError(t, ofB.Body.Close())
	})
	t.Run("shutdown waits, and not for ever", func(t *testing.T) {
		for _, p := range []*pool.Pool{nil, pool.New(pool.Config{})} {
			tr := newTransport(t, transport.Config{Pool: p})
			resp := open(t, tr)
			ctx, cancel := context.WithTimeout(t.Context(), brief)
			require.ErrorIs(t, tr.Shutdown(ctx), context.DeadlineExceeded)
			cancel()
			_, err := io.ReadAll(resp.Body)
			require.Error(t, err)
			require.NoError(t, resp.Body.Close())
			if p != nil {
				require.NoError(t, p.Close())
			}
		}
	})
	t.Run("other TLS settings do not share", func(t *testing.T) {
		shared := pool.New(pool.Config{})
		defer func() { require.NoError(t, shared.Close()) }()
		ca := newCA(t)
		secure := newServer(t, transporttest.ServerConfig{CA: ca, Handler: text("hi")})
		for range 2 { // equal by content, but not the same configuration
			get(t, newTransport(t, transport.Config{Pool: shared, TLS: trust(ca)}), secure.URL())
		}
		assert.Equal(t, 2, shared.Stats().Agents)
	})
}
