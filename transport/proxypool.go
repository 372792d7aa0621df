package transport

import (
	"context"
	"net/url"
	"slices"
	"sync"
	"time"
)

// How long a failed proxy of a ProxyPool is left alone: longer each time in a row.
const (
	proxyRest    = 10 * time.Second
	maxProxyRest = 5 * time.Minute
)

// ProxyPool is a [ProxySource] that takes its proxies in turn. One that failed is
// left alone for 10 seconds, twice as long each further time, 5 minutes at most; if
// all are, the one that has rested most of its time is tried. With no proxy, or none
// that was not tried for the request, the request fails with [ErrNoProxy]: it never
// goes direct. The slice is copied.
func ProxyPool(proxies []*Proxy) ProxySource {
	pool := &proxyPool{}
	for _, p := range proxies {
		if p != nil {
			pool.members = append(pool.members, &pooledProxy{proxy: p})
		}
	}
	return pool
}

type proxyPool struct {
	mu      sync.Mutex
	members []*pooledProxy
	turn    int // of the member to look at first
}

type pooledProxy struct {
	proxy    *Proxy
	failures int       // in a row
	until    time.Time // it rests
}

// Next is the next proxy in turn that does not rest.
func (p *proxyPool) Next(ctx context.Context, _ *url.URL, tried []*Proxy) (*Proxy, error) {
	if err := ctx.Err(); err != nil {
		return nil, contextError(ctx)
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	var soonest *pooledProxy
	for i := range p.members {
		m := p.members[(p.turn+i)%len(p.members)]
		if slices.Contains(tried, m.proxy) {
			continue
		}
		if !m.until.After(now) {
			p.turn = (p.turn + i + 1) % len(p.members)
			return m.proxy, nil
		}
		if soonest == nil || m.until.Before(soonest.until) {
			soonest = m
		}
	}
	if soonest == nil {
		return nil, ErrNoProxy
	}
	return soonest.proxy, nil
}

// Report notes how a proxy did.
func (p *proxyPool) Report(proxy *Proxy, failure *Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.members {
		if m.proxy != proxy {
			continue
		}
		if failure == nil {
			m.failures, m.until = 0, time.Time{}
			return
		}
		rest := proxyRest << min(m.failures, 10)
		m.failures++
		m.until = time.Now().Add(min(rest, maxProxyRest))
	}
}
