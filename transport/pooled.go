package transport

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/aitransport/aitransport/pool"
)

// errEmptyProxy refuses what nobody parsed.
var errEmptyProxy = errors.New("transport: the Proxy is empty: make it by ParseProxy")

const usingProxy = "Using proxy"

// Pooled sends each request once, through the proxy that its Config says, over an
// agent of a pool. It neither sends again nor goes another way. It is made by
// [NewPooled] and safe for concurrent use.
type Pooled struct {
	choose   ProxyFunc
	source   ProxySource // nil: choose decides
	mode     HTTP2Mode
	settings settings
	idle     time.Duration // 0: none
	pool     *pool.Pool
	journal  journal
	warned   saidOnce // of routes that are limited to HTTP/1.1
}

// NewPooled makes the innermost layer of a [Transport] from a Config, whose Pool
// must be set and stays the caller's to close. Retries and the fallback fields are
// for other layers and are not looked at.
func NewPooled(c Config) (*Pooled, error) {
	if c.Pool == nil {
		return nil, errors.New("transport: Config.Pool is nil: give NewPooled a pool.New(…), or use New")
	}
	if c.Proxy != nil && c.Proxy.scheme == "" {
		return nil, errEmptyProxy
	}
	choose, err := c.proxyFunc()
	if err != nil {
		return nil, err
	}
	source, err := c.proxySource()
	if err != nil {
		return nil, err
	}
	p := &Pooled{
		choose: choose, source: source, mode: c.HTTP2, settings: newSettings(c),
		idle: max(cmp.Or(c.BodyIdleTimeout, defaultBodyIdleTimeout), 0), pool: c.Pool, journal: newJournal(c),
	}
	return p, nil
}

// RoundTrip sends the request. Its errors are an [*Error], except for a request
// that could never be sent (no URL, another scheme than http and https, no host).
func (p *Pooled) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkRequest(req); err != nil {
		closeBody(req)
		return nil, err
	}
	if p.source != nil {
		return p.overSource(req)
	}
	proxy, err := p.choose(req.URL)
	if err != nil {
		closeBody(req)
		return nil, &Error{Phase: PhaseUnknown, Sent: SentNo, Addr: hostPort(req.URL), Err: err}
	}
	return p.via(req, proxy)
}

// routeOf is the way that a request would take. Which proxy a source chooses is not
// known before.
func (p *Pooled) routeOf(req *http.Request) (route string, ok bool) {
	if p.source != nil {
		return "", true
	}
	proxy, err := p.choose(req.URL)
	if err != nil || proxy == nil {
		return "", false
	}
	return proxy.route(), true
}

// via sends the request through a proxy, or directly if it is nil.
func (p *Pooled) via(req *http.Request, proxy *Proxy) (*http.Response, error) {
	if proxy != nil && proxy.scheme == "" {
		closeBody(req)
		return nil, &Error{Phase: PhaseUnknown, Sent: SentNo, Addr: hostPort(req.URL), Err: errEmptyProxy}
	}
	key := pool.Key{
		Scheme: strings.ToLower(req.URL.Scheme), Host: hostPort(req.URL), Route: proxy.route(),
		Variant: p.settings.variant,
	}
	key.HTTP2 = offersHTTP2(p.mode, key.Scheme, proxy) && !upgrades(req)
	lease, err := p.lease(req, key, proxy)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	a, ok := lease.Agent().(*agent)
	if !ok {
		closeBody(req)
		lease.Release()
		return nil, errors.New("transport: the pool holds an agent that is not this package's: share a pool among Transports only")
	}
	if t := traceOf(req.Context()); t != nil && t.GotAgent != nil {
		t.GotAgent(AgentInfo{Origin: key.Origin(), Proxy: proxy, HTTP2: key.HTTP2})
	}
	resp, err := p.finish(&attempt{agent: a, lease: lease, watch: watch{limit: p.idle}}, req)
	if err != nil && proxy != nil {
		p.journal.failed(req.Context(), req.URL, err)
	}
	return resp, err
}

// lease finds the agent for a key, or makes it.
func (p *Pooled) lease(req *http.Request, key pool.Key, proxy *Proxy) (pool.Lease, error) {
	ctx := req.Context()
	if ctx.Err() == nil {
		if l, ok := p.pool.TryAcquire(key); ok {
			if proxy != nil {
				p.journal.write(ctx, slog.LevelDebug, usingProxy, proxy, req.URL)
			}
			return l, nil
		}
	}
	if proxy != nil { // at Info where a route is used for the first time, or after a rest
		p.journal.write(ctx, slog.LevelInfo, usingProxy, proxy, req.URL)
		p.warnHTTP1(req, key, proxy)
	}
	l, err := p.pool.Acquire(ctx, key, func(context.Context) (pool.Agent, error) {
		return newAgent(newEndpoint(key, proxy, p.settings)), nil
	})
	if errors.Is(err, pool.ErrClosed) {
		err = ErrClosed
	}
	if err != nil {
		return pool.Lease{}, fail(ctx, PhaseUnknown, proxy, key.Host, err)
	}
	return l, nil
}

// finish sends the request and follows its answer to the end of the body.
func (p *Pooled) finish(at *attempt, req *http.Request) (*http.Response, error) {
	original := req
	req = withoutProxyAuthorization(req, at.agent.absolute() && at.agent.proxy.credentials == nil)
	resp, err := at.send(req)
	if err != nil {
		return nil, err
	}
	at.spent = at.agent.absolute() && hangsUp(resp.Header)
	at.follow(resp)
	if at.agent.absolute() {
		if failure := proxyAnswer(at.agent, resp); failure != nil {
			discard(resp)
			return nil, failure
		}
	}
	resp.Request = original
	return resp, nil
}

// warnHTTP1 says once a route that HTTP/2 is not offered over SOCKS. That is a
// default, not a limit: many SOCKS servers cut connections that live long, and
// HTTP/2 puts all requests on one. Config.HTTP2 = HTTP2Always offers it.
func (p *Pooled) warnHTTP1(req *http.Request, key pool.Key, proxy *Proxy) {
	if !proxy.socks() || key.HTTP2 || key.Scheme != "https" || p.journal.mode != HTTP2Auto {
		return
	}
	if p.warned.first(key) {
		p.journal.write(req.Context(), slog.LevelWarn, "SOCKS proxy does not support HTTP/2, falling back to HTTP/1.1", proxy, req.URL)
	}
}

// checkRequest refuses what could never be sent.
func checkRequest(req *http.Request) error {
	switch {
	case req.URL == nil:
		return errors.New("transport: the request has no URL")
	case req.Header == nil:
		return errors.New("transport: the request has a nil Header")
	case !strings.EqualFold(req.URL.Scheme, "http") && !strings.EqualFold(req.URL.Scheme, "https"):
		return errors.New("transport: the URL's scheme is neither http nor https")
	case req.URL.Hostname() == "":
		return errors.New("transport: the URL has no host")
	case len(req.URL.Hostname()) > maxHost:
		return errors.New("transport: the URL's host is longer than 253 characters, which no name is")
	case !portInRange(req.URL.Port()):
		return errors.New("transport: the URL's port is not between 1 and 65535")
	default:
		return checkFields(req)
	}
}

// maxHost is how long a name in the DNS may be, written out (RFC 1035 section 2.3.4).
const maxHost = 253

func portInRange(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// hostPort is a URL's host with its port, written or implied, as it is dialled: in
// lower case, and an international name in its ASCII form.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port != "" && isPlainName(u.Host) { // as it is, which most often it is
		return u.Host
	}
	if port == "" {
		port = "80"
		if strings.EqualFold(u.Scheme, "https") {
			port = "443"
		}
	}
	host := u.Hostname()
	if isPlainName(host) && strings.IndexByte(host, ':') < 0 {
		return host + ":" + port
	}
	host = strings.ToLower(host)
	if ascii, err := httpguts.PunycodeHostPort(host); err == nil && !strings.Contains(host, ":") {
		host = ascii
	}
	return net.JoinHostPort(host, port)
}

// isPlainName tells whether a host, perhaps with a port, needs no rewriting: letters
// in lower case, digits, dots and hyphens, and one colon at most.
func isPlainName(host string) bool {
	colons := 0
	for i := range len(host) {
		switch c := host[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		case c == ':':
			colons++
		default:
			return false
		}
	}
	return colons <= 1
}

// withoutProxyAuthorization keeps a credential that is meant for a proxy from
// reaching the endpoint. Only a proxy that is sent whole URLs, and has no credentials
// of ours, which net/http would write behind it, may see it.
func withoutProxyAuthorization(req *http.Request, toProxy bool) *http.Request {
	const field = "Proxy-Authorization"
	ours := req
	for name := range req.Header {
		if toProxy || len(name) != len(field) || !strings.EqualFold(name, field) {
			continue
		}
		if ours == req {
			ours = req.Clone(req.Context())
		}
		delete(ours.Header, name) // however it is written
	}
	return ours
}
