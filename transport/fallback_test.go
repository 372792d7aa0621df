package transport_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// fallbackCase is a fault of a proxy on the way to an https endpoint.
type fallbackCase struct {
	name  string
	fault transporttest.Fault
	phase map[string]transport.Phase // by scheme; "": the others
	slow  bool                       // the time limit has to run out
}

var fallbackCases = []fallbackCase{
	{"refuses", transporttest.Fault{Kind: transporttest.FaultDown}, map[string]transport.Phase{"": transport.PhaseDialProxy}, false},
	{"does not answer", transporttest.Fault{Kind: transporttest.FaultHang}, map[string]transport.Phase{
		"": transport.PhaseProxyConnect, "https": transport.PhaseProxyTLS, "socks5": transport.PhaseProxyHandshake}, true},
	{"speaks something else", transporttest.Fault{Kind: transporttest.FaultGarbage}, map[string]transport.Phase{
		"": transport.PhaseProxyHandshake, "https": transport.PhaseProxyTLS, "http": transport.PhaseProxyConnect}, false},
	{"hangs up", transporttest.Fault{Kind: transporttest.FaultCutHandshake}, map[string]transport.Phase{"": transport.PhaseProxyConnect}, false},
	{"answers with an error", transporttest.Fault{Kind: transporttest.FaultAnswer}, map[string]transport.Phase{"": transport.PhaseProxyConnect}, false},
	{"never answers CONNECT", transporttest.Fault{Kind: transporttest.FaultHangConnect}, map[string]transport.Phase{"": transport.PhaseProxyConnect}, true},
	{"cuts the tunnel", transporttest.Fault{Kind: transporttest.FaultCutTunnel}, map[string]transport.Phase{"": transport.PhaseTargetTLS}, false},
	{"swallows the tunnel", transporttest.Fault{Kind: transporttest.FaultHangTunnel}, map[string]transport.Phase{"": transport.PhaseTargetTLS}, true},
	{"cuts in TLS", transporttest.Fault{Kind: transporttest.FaultCutBody, After: 20}, map[string]transport.Phase{"": transport.PhaseTargetTLS}, false},
}

// Every way in which a proxy may not let us past, and with every scheme: off, the
// proxy's failure is the error and nobody goes direct; on, the request is answered
// directly, and logged, with a body that can be had only once.
func TestFallback(t *testing.T) {
	ca := newCA(t)
	for _, c := range fallbackCases {
		for _, scheme := range []string{"http", "https", "socks4a", "socks5"} {
			t.Run(c.name+"/"+scheme, func(t *testing.T) {
				server := newServer(t, transporttest.ServerConfig{CA: ca, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					_, _ = w.Write(body)
				})})
				r := newRig(t, scheme, transporttest.ProxyConfig{User: "user", Fault: c.fault})
				phase, ok := c.phase[scheme]
				if !ok {
					phase = c.phase[""]
				}
				var logs logBuffer
				config := transport.Config{
					Proxy: r.dialer.Proxy, ProxyTLS: r.dialer.TLS, TLS: trust(ca), Logger: logs.logger(), Retries: -1, FallbackMemory: -1,
				}
				if c.slow {
					config.ConnectTimeout = brief
				}

				e := refused(t, newTransport(t, config), newRequest(t, http.MethodPost, server.URL(), strings.NewReader("x")))
				assert.Equal(t, phase.String(), e.Phase.String(), "%v", e)
				assert.Equal(t, transport.SentNo, e.Sent)
				assert.Equal(t, c.slow, e.Timeout())
				assert.Same(t, r.dialer.Proxy, e.Proxy)
				assert.NotContains(t, logs.String(), "direct")

				config.FallbackToDirect = true
				config.ConnectTimeout = max(config.ConnectTimeout, 0)
				tr := newTransport(t, config)
				body := &recorder{Reader: strings.NewReader("a question")}
				req := newRequest(t, http.MethodPost, server.URL(), body)
				var told []*transport.Error
				req = req.WithContext(transport.WithTrace(req.Context(), &transport.Trace{Fallback: func(e *transport.Error) { told = append(told, e) }}))
				resp, answer := exchange(t, tr, req)
				assert.Equal(t, "a question", answer)
				assert.Same(t, req, resp.Request)
				eventuallyClosed(t, body)
				if assert.Len(t, told, 1) {
					assert.Equal(t, phase, told[0].Phase)
				}
				fell := logs.line(t, `msg="Falling back to direct connection"`)
				assert.Contains(t, fell, "level=WARN")
				assert.Contains(t, fell, "proxyUrl="+r.dialer.Proxy.String())
				assert.Contains(t, fell, "phase="+phase.String())
				assert.Contains(t, fell, "fallbackToDirect=true")
				assert.Contains(t, logs.line(t, `msg="Direct connection succeeded after proxy failure"`), "proxyUrl="+r.dialer.Proxy.String())
			})
		}
	}
}

// The name of the proxy that cannot be found is a reason as well.
func TestFallbackWhenTheProxysNameIsUnknown(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("ok")})
	tr := newTransport(t, transport.Config{
		Proxy: parse(t, "socks5://proxy.invalid"), FallbackToDirect: true,
		Dialer: &dialerFunc{func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr == "proxy.invalid:1080" {
				return nil, &net.DNSError{Err: "no such host", Name: "proxy.invalid", IsNotFound: true}
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		}},
	})
	_, body := get(t, tr, server.URL())
	assert.Equal(t, "ok", body)
}

// What somebody has to mend, and what may have reached the endpoint, stays a failure.
func TestNoFallback(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	var hits atomic.Int64
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/die" {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<16))
	})
	secure := newServer(t, transporttest.ServerConfig{CA: ca, Handler: counted})
	plain := newServer(t, transporttest.ServerConfig{Handler: counted})
	cases := []struct {
		name, url string
		proxy     transporttest.ProxyConfig
		change    func(*transport.Config)
		phase     transport.Phase
		hits      int64
	}{
		{"wrong password", secure.URL(), transporttest.ProxyConfig{Scheme: "socks5", User: "other"},
			func(c *transport.Config) { c.Proxy = parse(t, "socks5://me:"+marker+"@"+c.Proxy.Addr()) }, transport.PhaseProxyAuth, 0},
		{"wrong password, plain endpoint", plain.URL(), transporttest.ProxyConfig{User: "other"},
			func(c *transport.Config) { c.Proxy = parse(t, "http://me:"+marker+"@"+c.Proxy.Addr()) }, transport.PhaseProxyAuth, 0},
		{"bad certificate of the endpoint", secure.URL(), transporttest.ProxyConfig{},
			func(c *transport.Config) { c.TLS = trust(other) }, transport.PhaseTargetTLS, 0},
		{"bad certificate of the proxy", secure.URL(), transporttest.ProxyConfig{Scheme: "https", CA: other},
			func(c *transport.Config) { c.ProxyTLS = trust(ca) }, transport.PhaseProxyTLS, 0},
		{"the endpoint died of it", secure.URL() + "/die", transporttest.ProxyConfig{}, nil, transport.PhaseWait, 1},
		{"cut after the request", plain.URL(), transporttest.ProxyConfig{Scheme: "socks5", Fault: transporttest.Fault{Kind: transporttest.FaultCutBody}},
			nil, transport.PhaseWait, 1},
		{"the proxy has the request", plain.URL(), transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultHangTunnel}},
			func(c *transport.Config) { c.HeaderTimeout = brief }, transport.PhaseWait, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			hits.Store(0)
			p := startProxy(t, c.proxy)
			config := transport.Config{Proxy: parse(t, p.URL()), ProxyTLS: trust(other), TLS: trust(ca), FallbackToDirect: true}
			if c.change != nil {
				c.change(&config)
			}
			e := refused(t, newTransport(t, config), newRequest(t, http.MethodPost, c.url, strings.NewReader("x")))
			assert.Equal(t, c.phase.String(), e.Phase.String(), "%v", e)
			assert.Nil(t, e.Earlier)
			assert.NotNil(t, e.Proxy)
			assert.Equal(t, c.hits, hits.Load())
			assertNoSecret(t, e)
		})
	}
}

// When the direct connection fails too, both failures are seen.
func TestFallbackShowsBothErrors(t *testing.T) {
	proxy := parse(t, "http://user:"+marker+"@"+closedPort(t))
	target := closedPort(t)
	var logs logBuffer
	tr := newTransport(t, transport.Config{Proxy: proxy, FallbackToDirect: true, Retries: -1, Logger: logs.logger()})
	body := &recorder{Reader: strings.NewReader("x")}
	e := refused(t, tr, newRequest(t, http.MethodPost, "http://"+target, body))
	assert.Equal(t, transport.PhaseDialTarget, e.Phase)
	assert.Nil(t, e.Proxy)
	assert.Equal(t, target, e.Addr)
	require.NotNil(t, e.Earlier)
	assert.Equal(t, transport.PhaseDialProxy, e.Earlier.Phase)
	assert.Same(t, proxy, e.Earlier.Proxy)
	assert.Contains(t, e.Error(), "cannot connect to "+target)
	assert.Contains(t, e.Error(), "tried directly after: proxy http://user:***@")
	assert.Equal(t, 1, body.closed())
	assert.NotContains(t, logs.String(), "succeeded")
	assertHidden(t, "log", logs.String())
}

// The direct attempt has a connect budget of its own.
func TestFallbackHasItsOwnBudget(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("ok")})
	p := startProxy(t, transporttest.ProxyConfig{Scheme: "socks5", Fault: transporttest.Fault{Kind: transporttest.FaultHang}})
	var left time.Duration
	tr := newTransport(t, transport.Config{
		Proxy: parse(t, p.URL()), FallbackToDirect: true, ConnectTimeout: brief,
		Dialer: &dialerFunc{func(ctx context.Context, network, addr string) (net.Conn, error) {
			if deadline, ok := ctx.Deadline(); ok && addr == server.Addr() {
				left = time.Until(deadline)
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		}},
	})
	get(t, tr, server.URL())
	assert.Greater(t, left, brief/2)
}

func TestFallbackOn(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("ok")})
	proxy := parse(t, "http://"+closedPort(t))
	for _, allow := range []bool{false, true} {
		var asked []transport.Phase
		tr := newTransport(t, transport.Config{Proxy: proxy, FallbackToDirect: true, Retries: -1, FallbackOn: func(e *transport.Error) bool {
			asked = append(asked, e.Phase)
			return allow
		}})
		resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, server.URL(), nil))
		if allow {
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		} else {
			assert.Equal(t, transport.PhaseDialProxy, typed(t, err).Phase)
		}
		assert.Equal(t, []transport.Phase{transport.PhaseDialProxy}, asked)
	}
	_, err := transport.New(transport.Config{Proxy: proxy, FallbackOn: transport.DefaultFallback})
	require.ErrorContains(t, err, "FallbackToDirect")
}

// Over any round trippers: whatever FallbackOn says, nothing goes direct that may
// have been sent, that no proxy failed, or that nobody waits for.
func TestFallbackConditions(t *testing.T) {
	proxy := parse(t, "http://proxy")
	always := func(*transport.Error) bool { return true }
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	cases := []struct {
		name   string
		err    error
		ctx    context.Context
		direct bool
	}{
		{"unsent", &transport.Error{Phase: transport.PhaseProxyAuth, Sent: transport.SentNo, Proxy: proxy, Code: 407}, t.Context(), true},
		{"sent", &transport.Error{Phase: transport.PhaseWait, Sent: transport.SentYes, Proxy: proxy}, t.Context(), false},
		{"perhaps sent", &transport.Error{Phase: transport.PhaseWait, Sent: transport.SentUnknown, Proxy: proxy}, t.Context(), false},
		{"no proxy", &transport.Error{Phase: transport.PhaseDialTarget, Sent: transport.SentNo}, t.Context(), false},
		{"the caller has gone", &transport.Error{Phase: transport.PhaseDialProxy, Sent: transport.SentNo, Proxy: proxy}, canceled, false},
		{"not typed", io.EOF, t.Context(), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			next, direct := &attempts{failures: 1, err: c.err}, &attempts{}
			body := &recorder{Reader: strings.NewReader("a question")}
			req, err := http.NewRequestWithContext(c.ctx, http.MethodPost, "http://a.test", body)
			require.NoError(t, err)
			resp, err := transport.Fallback(direct, always)(next).RoundTrip(req)
			assert.Equal(t, map[bool]int{true: 1, false: 0}[c.direct], direct.calls)
			assert.Equal(t, 1, body.closed())
			if c.direct {
				require.NoError(t, err)
				assert.Same(t, req, resp.Request)
			} else {
				require.ErrorIs(t, err, c.err)
			}
		})
	}
}

func TestDefaultFallback(t *testing.T) {
	proxy := parse(t, "http://proxy")
	timeout := &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
	untrusted := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	for phase := transport.PhaseUnknown; phase <= transport.PhaseBody; phase++ {
		upToTheTunnel := phase == transport.PhaseDNS || phase == transport.PhaseDialProxy || phase == transport.PhaseProxyTLS ||
			phase == transport.PhaseProxyHandshake || phase == transport.PhaseProxyConnect
		inside := phase == transport.PhaseTargetTLS
		for cause, want := range map[error]bool{
			assert.AnError: upToTheTunnel, io.EOF: upToTheTunnel || inside, io.ErrUnexpectedEOF: upToTheTunnel || inside,
			syscall.ECONNRESET: upToTheTunnel || inside, syscall.EPIPE: upToTheTunnel || inside, syscall.ECONNABORTED: upToTheTunnel || inside,
			net.ErrClosed: upToTheTunnel || inside, timeout: upToTheTunnel || inside, context.DeadlineExceeded: upToTheTunnel || inside,
			context.Canceled: false, untrusted: false,
		} {
			e := transport.Error{Phase: phase, Sent: transport.SentNo, Proxy: proxy, Err: errors.Join(cause)}
			assert.Equal(t, want, transport.DefaultFallback(&e), "%s %v", phase, cause)
			e.Sent = transport.SentUnknown
			assert.False(t, transport.DefaultFallback(&e))
			e.Sent, e.Proxy = transport.SentNo, nil
			assert.False(t, transport.DefaultFallback(&e))
		}
	}
}
