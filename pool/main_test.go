package pool_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errRefused = errors.New("refused")

// What an agent is asked when it ends, in the order promised.
var ending = []string{"CloseIdleConnections", "Close"}

// bare is an agent without Close. It notes what it is asked.
type bare struct {
	conns int // told as open until Close

	mu    sync.Mutex
	calls []string
}

func (a *bare) RoundTrip(*http.Request) (*http.Response, error) { return nil, errRefused }
func (a *bare) CloseIdleConnections()                           { a.note("CloseIdleConnections") }

func (a *bare) note(call string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, call)
}

// seen is what the agent was asked until now.
func (a *bare) seen() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// agent is a bare one with Close and a count of connections.
type agent struct {
	bare
	slow time.Duration // how long Close takes
}

func (a *agent) Close() error {
	time.Sleep(a.slow)
	a.note("Close")
	return nil
}

func (a *agent) OpenConns() int {
	if slices.Contains(a.seen(), "Close") {
		return 0
	}
	return a.conns
}

// maker creates agents and remembers them.
type maker struct {
	gate chan struct{} // nil: at once; else creation waits until it is closed, or its context ends
	slow time.Duration // of the agents
	err  error

	mu     sync.Mutex
	agents []*agent
	began  int
}

func (m *maker) create(ctx context.Context) (pool.Agent, error) {
	m.mu.Lock()
	m.began++
	m.mu.Unlock()
	if m.gate != nil {
		select {
		case <-m.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if m.err != nil {
		return nil, m.err
	}
	a := &agent{slow: m.slow}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.agents = append(m.agents, a)
	return a, nil
}

func (m *maker) made() []*agent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.agents)
}

// attempts is how often create was called.
func (m *maker) attempts() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.began
}

// key is an endpoint's, without a proxy.
func key(name string) pool.Key {
	return pool.Key{Scheme: "https", Host: name + ".example.com:443"}
}

// newPool makes a pool that the test's end closes.
func newPool(t *testing.T, c pool.Config) *pool.Pool {
	t.Helper()
	p := pool.New(c)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func acquire(t *testing.T, p *pool.Pool, k pool.Key, m *maker) pool.Lease {
	t.Helper()
	l, err := p.Acquire(t.Context(), k, m.create)
	require.NoError(t, err)
	return l
}

// visit acquires and releases, and returns the agent.
func visit(t *testing.T, p *pool.Pool, k pool.Key, m *maker) pool.Agent {
	t.Helper()
	l := acquire(t, p, k, m)
	defer l.Release()
	return l.Agent()
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(line)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// result is what an Acquire in another goroutine returned.
type result struct {
	lease pool.Lease
	err   error
}

// acquireAsync calls Acquire n times at once.
func acquireAsync(ctx context.Context, p *pool.Pool, k pool.Key, m *maker, n int) <-chan result {
	results := make(chan result, n)
	for range n {
		go func() {
			l, err := p.Acquire(ctx, k, m.create)
			results <- result{l, err}
		}()
	}
	return results
}
