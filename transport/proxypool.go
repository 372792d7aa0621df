package transport

import (
	"context"
	"maps"
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
// left alone for 10 seconds, twice as long each further time, 5 minutes at most, and
// then tried by one request first; if it is there but does not reach an endpoint, that
// holds for this endpoint alone. If all rest, the one that has rested most of its time
// is tried. A request that no proxy gets through fails with the last one's failure,
// and with [ErrNoProxy] if there is no proxy at all: it never goes direct. The slice is
// copied.
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

// pooledProxy is a member: how it does itself, and how it does for single endpoints
// that it does not reach though others may.
type pooledProxy struct {
	proxy *Proxy
	rest  proxyPause
	hosts map[string]*proxyPause // by host:port
}

// proxyPause is a time in which a proxy is left alone.
type proxyPause struct {
	failures int // in a row
	until    time.Time
	trying   time.Time // until then a request has its turn to find out
}

// maxPoolHosts bounds for how many endpoints a member remembers that it failed.
const maxPoolHosts = 1000

// active tells whether the pause lasts, or somebody is just finding out.
func (p *proxyPause) active(now time.Time) bool {
	return p != nil && (now.Before(p.until) || now.Before(p.trying))
}

// turn is taken by who comes after a pause.
func (p *proxyPause) turn(now time.Time) {
	if p != nil && p.failures > 0 {
		p.trying = now.Add(tryFor)
	}
}

// failed begins a pause. Requests that failed together count as one failure.
func (p *proxyPause) failed(now time.Time) {
	p.trying = time.Time{}
	if now.Before(p.until) {
		return
	}
	rest := proxyRest << min(p.failures, 10)
	p.failures++
	p.until = now.Add(min(rest, maxProxyRest))
}

// Next is the next proxy in turn that does not rest.
func (p *proxyPool) Next(ctx context.Context, u *url.URL, tried []*Proxy) (*Proxy, error) {
	if err := ctx.Err(); err != nil {
		return nil, contextError(ctx)
	}
	now, addr := time.Now(), hostPort(u)
	p.mu.Lock()
	defer p.mu.Unlock()
	var (
		soonest *pooledProxy
		when    time.Time
	)
	for i := range p.members {
		m := p.members[(p.turn+i)%len(p.members)]
		if slices.Contains(tried, m.proxy) {
			continue
		}
		host := m.hosts[addr]
		if !m.rest.active(now) && !host.active(now) {
			p.turn = (p.turn + i + 1) % len(p.members)
			m.rest.turn(now)
			host.turn(now)
			return m.proxy, nil
		}
		until := m.rest.until
		if host != nil && host.until.After(until) {
			until = host.until
		}
		if soonest == nil || until.Before(when) {
			soonest, when = m, until
		}
	}
	if soonest == nil {
		return nil, ErrNoProxy
	}
	return soonest.proxy, nil
}

// Report notes how a proxy did.
func (p *proxyPool) Report(proxy *Proxy, failure *Error) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.members {
		switch {
		case m.proxy != proxy:
		case failure == nil:
			m.rest = proxyPause{}
		case failure.ofProxyItself() || failure.Phase == PhaseProxyAuth || failure.Code == 0 && failure.Phase == PhaseProxyConnect:
			m.rest.failed(now)
		default:
			m.host(failure.Addr, now).failed(now)
		}
	}
}

// host is what is remembered of an endpoint, made if need be.
func (m *pooledProxy) host(addr string, now time.Time) *proxyPause {
	if h, ok := m.hosts[addr]; ok {
		return h
	}
	if len(m.hosts) >= maxPoolHosts {
		maps.DeleteFunc(m.hosts, func(_ string, h *proxyPause) bool { return !h.active(now) })
	}
	if len(m.hosts) >= maxPoolHosts {
		return &proxyPause{} // as if it had not failed
	}
	if m.hosts == nil {
		m.hosts = make(map[string]*proxyPause)
	}
	m.hosts[addr] = &proxyPause{}
	return m.hosts[addr]
}
