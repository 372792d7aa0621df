package transport_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/pool"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// A stream outlives the eviction of its agent, and then nothing of that is left: an
// HTTP/2 connection of net/http's would stay open until it is idle for too long, which
// may be never.
func nastyEviction(t *testing.T) {
	const event = "data: {}\n\n"
	ca := newCA(t)
	for _, up := range upstreams {
		t.Run(up.name, func(t *testing.T) {
			next := make(chan struct{})
			server := up.start(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				for range 3 {
					_, _ = io.WriteString(w, event)
					w.(http.Flusher).Flush()
					select {
					case <-next:
					case <-r.Context().Done():
						panic(http.ErrAbortHandler)
					}
				}
			}))
			shared := newPool(t)
			tr := newTransport(t, transport.Config{Pool: shared, TLS: trust(ca)})
			resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, server.URL(), nil))
			require.NoError(t, err)
			read := func() {
				got := make([]byte, len(event))
				_, err := io.ReadFull(resp.Body, got)
				require.NoError(t, err)
				assert.Equal(t, event, string(got))
			}
			read()
			shared.Evict(server.URL())
			shared.CloseIdleConnections()
			assert.Zero(t, shared.Stats().Agents)
			assert.Equal(t, 1, shared.Stats().Draining)
			for range 2 {
				next <- struct{}{}
				read()
			}
			next <- struct{}{}
			_, err = resp.Body.Read(make([]byte, 1))
			require.Equal(t, io.EOF, err)
			require.NoError(t, resp.Body.Close())
			require.NoError(t, server.Wait(bounded(t), nothingOpen))
			assert.Zero(t, shared.Stats().Draining)
			assert.Zero(t, shared.Stats().Conns)
			assert.Equal(t, 1, server.Accepted())
		})
	}
}

// closingAgent counts how often it is closed.
type closingAgent struct {
	http.RoundTripper
	idle, closed atomic.Int64
}

func (a *closingAgent) CloseIdleConnections() { a.idle.Add(1) }
func (a *closingAgent) Close() error          { a.closed.Add(1); return nil }

// A hundred callers find an agent that has expired: it is closed once, they share one
// new agent, and Close leaves nothing running. In a bubble that is certain: what still
// ran would fail the test.
func nastyExpiry(t *testing.T) {
	const callers = 100
	t.Run("pool", func(t *testing.T) {
		for name, config := range map[string]pool.Config{
			"found by a sweep":    {TTL: time.Minute},
			"found by a caller":   {TTL: time.Minute, Sweep: time.Hour},
			"too old":             {TTL: time.Hour, MaxAge: time.Minute, Sweep: time.Hour},
			"expires that moment": {TTL: time.Minute, Sweep: time.Minute},
		} {
			t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { expire(t, config, callers) }) })
		}
	})
	t.Run("transport", func(t *testing.T) {
		inBubble(t, text("ok"), transport.Config{}, func(t *testing.T, tr *transport.Transport, url string) {
			require.NoError(t, callOnce(t.Context(), tr, url))
			pause(5*time.Minute + time.Second)
			assert.Zero(t, tr.Stats().Conns)
			before := tr.Stats().Misses
			errs := make(chan error, callers)
			for range callers {
				go func() { errs <- callOnce(t.Context(), tr, url) }()
			}
			for range callers {
				require.NoError(t, <-errs)
			}
			stats := tr.Stats()
			assert.Equal(t, 1, stats.Agents)
			assert.Equal(t, uint64(1), stats.Evictions)
			assert.Zero(t, stats.Draining)
			assert.Positive(t, stats.Misses-before)
			require.NoError(t, tr.Close())
			synctest.Wait()
			assert.Zero(t, tr.Stats().Conns)
		})
	})
}

// expire lets an agent of a pool expire under so many callers.
func expire(t *testing.T, config pool.Config, callers int) {
	p := pool.New(config)
	key := pool.Key{Scheme: "https", Host: "api.example.com:443"}
	var (
		mu   sync.Mutex
		made []*closingAgent
	)
	create := func(context.Context) (pool.Agent, error) {
		a := &closingAgent{}
		mu.Lock()
		defer mu.Unlock()
		made = append(made, a)
		return a, nil
	}
	acquire := func() pool.Agent {
		lease, err := p.Acquire(t.Context(), key, create)
		if !assert.NoError(t, err) {
			return nil
		}
		defer lease.Release()
		return lease.Agent()
	}
	old := acquire()
	pause(time.Minute)
	got := make(chan pool.Agent, callers)
	for range callers {
		go func() { got <- acquire() }()
	}
	fresh := <-got
	assert.NotSame(t, old, fresh)
	for range callers - 1 {
		assert.Same(t, fresh, <-got)
	}
	synctest.Wait()
	require.Len(t, made, 2)
	assert.Equal(t, int64(1), made[0].closed.Load())
	assert.Zero(t, made[1].closed.Load())
	require.NoError(t, p.Close())
	for i, a := range made {
		assert.Equal(t, int64(1), a.closed.Load(), "agent %d", i)
		assert.Equal(t, int64(1), a.idle.Load(), "agent %d", i)
	}
}

// Two Transports with different client certificates on one pool, to one endpoint:
// each presents its own, also at once.
func nastyTwoCertificates(t *testing.T) {
	ca, clients := newCA(t), newCA(t)
	for _, up := range upstreams[1:] {
		t.Run(up.name, func(t *testing.T) {
			server := newServer(t, transporttest.ServerConfig{CA: ca, ClientCA: clients, HTTP2: up.h2, Handler: whoami})
			shared := newPool(t)
			byName := map[string]*transport.Transport{}
			for _, name := range []string{"anna", "bert"} {
				byName[name] = newTransport(t, transport.Config{Pool: shared, TLS: presenting(t, ca, clients, name)})
			}
			for range 3 {
				for name, tr := range byName {
					_, body := get(t, tr, server.URL())
					assert.Equal(t, name, body)
				}
			}
			assert.Equal(t, 2, shared.Stats().Agents)
			assert.Equal(t, 2, server.Accepted())

			var wg sync.WaitGroup
			for name, tr := range byName {
				for range 10 {
					req := newRequest(t, http.MethodGet, server.URL(), nil)
					wg.Go(func() {
						body, err := callBody(tr, req)
						assert.NoError(t, err)
						assert.Equal(t, name, body)
					})
				}
			}
			wg.Wait()
		})
	}
}
