package transport

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/aitransport/aitransport/pool"
)

// Transport is the standard stack of this package's layers:
//
//	Decode ─► Retry ─► Fallback ─► Downgrade ─► Pooled ─► the wire
//
// It is an [http.RoundTripper], safe for concurrent use. Close it.
type Transport struct {
	stack http.RoundTripper
	cfg   Config // for probes
	pool  *pool.Pool
	owned bool      // the pool is this Transport's
	calls *requests // those under way on a shared pool; nil on an own one
}

// New makes a Transport. The error says which field of the Config is wrong.
func New(c Config) (*Transport, error) {
	if c.FallbackOn != nil && !c.FallbackToDirect {
		return nil, errors.New("transport: Config.FallbackOn is set but FallbackToDirect is false: set it, or leave FallbackOn nil")
	}
	if c.HTTP2 > HTTP2Never {
		return nil, errors.New("transport: Config.HTTP2 is unknown: use HTTP2Auto, HTTP2Always or HTTP2Never")
	}
	t := &Transport{pool: c.Pool, owned: c.Pool == nil, cfg: c}
	if t.owned {
		t.pool = pool.New(pool.Config{Logger: c.Logger})
		c.Pool = t.pool
	} else {
		t.calls = newRequests()
	}
	var err error
	if t.stack, err = build(c); err != nil {
		if t.owned {
			_ = t.pool.Close()
		}
		return nil, err
	}
	return t, nil
}

// build puts the layers together, over the Config's pool.
func build(c Config) (http.RoundTripper, error) {
	routed, err := routes(c)
	if err != nil {
		return nil, err
	}
	layers := []Middleware{Decode(c.Decoders), Retry(max(cmp.Or(c.Retries, 1), 0))}
	if c.FallbackToDirect {
		lines := newJournal(c)
		c.Proxy, c.ProxyFunc, c.ProxySource = nil, nil, nil
		direct, err := routes(c)
		if err != nil {
			return nil, err
		}
		layers = append(layers, fallback(direct, c.FallbackOn, cmp.Or(c.FallbackMemory, defaultFallbackMemory), lines))
	}
	return Chain(routed, layers...), nil
}

// routes is one way to the endpoints: by HTTP/2 where it can be, unless it turned out
// not to work there.
func routes(c Config) (http.RoundTripper, error) {
	pooled, err := NewPooled(c)
	if err != nil || c.HTTP2 == HTTP2Never {
		return pooled, err
	}
	lines := newJournal(c)
	c.HTTP2 = HTTP2Never
	http1, err := NewPooled(c)
	if err != nil {
		return nil, err
	}
	return Chain(pooled, downgrade(http1, nil, lines)), nil
}

// RoundTrip sends the request. The answer's body must be closed; until then the
// request is under way. Errors are an [*Error], except for a request that could
// never be sent.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.calls == nil {
		return t.stack.RoundTrip(req)
	}
	return t.calls.roundTrip(t.stack, req)
}

// Client is an [http.Client] over this Transport. It follows no redirects, since
// they would carry credentials elsewhere, and has no time-out of its own, since
// that would cut streams.
func (t *Transport) Client() *http.Client {
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Stats is a picture of the pool; of all its users if it is shared.
func (t *Transport) Stats() pool.Stats { return t.pool.Stats() }

// CloseIdleConnections closes the connections that serve no request. On a shared
// pool those are not this Transport's, and nothing is closed.
func (t *Transport) CloseIdleConnections() {
	if t.owned {
		t.pool.CloseIdleConnections()
	}
}

// Close ends this Transport at once: its requests under way fail with [ErrClosed],
// new ones are refused. A shared pool stays open. It may be called more than once
// and returns nil.
func (t *Transport) Close() error {
	if t.owned {
		return t.pool.Close()
	}
	t.calls.close()
	return nil
}

// Shutdown refuses new requests and waits until those under way have ended. When
// the context ends first it closes what is left and returns the context's error.
func (t *Transport) Shutdown(ctx context.Context) error {
	if t.owned {
		return t.pool.Shutdown(ctx)
	}
	if err := t.calls.drain(ctx); err != nil {
		_ = t.Close()
		return err
	}
	return nil
}
