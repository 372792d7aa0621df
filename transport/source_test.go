package transport_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/proxy"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

func TestProxyPool(t *testing.T) {
	a, b, c := parse(t, "http://a"), parse(t, "http://b"), parse(t, "socks5://c")
	u := &url.URL{Scheme: "https", Host: "h"}
	next := func(t *testing.T, s transport.ProxySource, tried ...*transport.Proxy) *transport.Proxy {
		t.Helper()
		p, err := s.Next(t.Context(), u, tried)
		require.NoError(t, err)
		return p
	}
	failure := &transport.Error{Phase: transport.PhaseDialProxy, Proxy: a}

	t.Run("takes turns", func(t *testing.T) {
		s := transport.ProxyPool([]*transport.Proxy{a, b, c})
		assert.Equal(t, []*transport.Proxy{a, b, c, a}, []*transport.Proxy{next(t, s), next(t, s), next(t, s), next(t, s)})
	})
	t.Run("not those that were tried", func(t *testing.T) {
		s := transport.ProxyPool([]*transport.Proxy{a, b})
		assert.Same(t, b, next(t, s, a))
		_, err := s.Next(t.Context(), u, []*transport.Proxy{a, b})
		require.ErrorIs(t, err, transport.ErrNoProxy)
	})
	t.Run("empty is no way to go direct", func(t *testing.T) {
		_, err := transport.ProxyPool(nil).Next(t.Context(), u, nil)
		require.ErrorIs(t, err, transport.ErrNoProxy)
	})
	t.Run("failed ones rest, longer each time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := transport.ProxyPool([]*transport.Proxy{a, b})
			report := s.(transport.ProxyReporter).Report
			report(a, failure)
			for range 3 {
				assert.Same(t, b, next(t, s))
			}
			time.Sleep(10 * time.Second)
			seen := map[*transport.Proxy]bool{next(t, s): true, next(t, s): true}
			assert.Len(t, seen, 2, "it is back")
			report(a, failure)
			time.Sleep(10 * time.Second)
			assert.Same(t, b, next(t, s), "twice as long the second time")
			time.Sleep(time.Second)
			report(b, failure)
			report(b, failure) // together they are one failure
			assert.Same(t, a, next(t, s), "all rest: the one that is back first")
			report(a, nil)
			report(b, nil)
			seen = map[*transport.Proxy]bool{next(t, s): true, next(t, s): true}
			assert.Len(t, seen, 2, "a success ends the rest")
		})
	})
}

// What a proxy fails at for one endpoint says nothing about others, a burst of
// failures is one, and who comes after a rest goes first alone.
func TestProxyPoolKeepsItsProxies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := parse(t, "http://a"), parse(t, "http://b")
		here, there := &url.URL{Scheme: "https", Host: "here.test"}, &url.URL{Scheme: "https", Host: "there.test"}
		s := transport.ProxyPool([]*transport.Proxy{a, b})
		report := s.(transport.ProxyReporter).Report
		next := func(u *url.URL) *transport.Proxy {
			p, err := s.Next(t.Context(), u, nil)
			require.NoError(t, err)
			return p
		}
		report(a, &transport.Error{Phase: transport.PhaseProxyConnect, Code: 5, Proxy: a, Addr: "here.test:443"})
		assert.Equal(t, []*transport.Proxy{b, b}, []*transport.Proxy{next(here), next(here)})
		assert.ElementsMatch(t, []*transport.Proxy{a, b}, []*transport.Proxy{next(there), next(there)})

		down := &transport.Error{Phase: transport.PhaseDialProxy, Proxy: a}
		for range 6 {
			report(a, down)
		}
		time.Sleep(10 * time.Second)
		got := map[*transport.Proxy]int{}
		for range 6 {
			got[next(there)]++
		}
		assert.Equal(t, map[*transport.Proxy]int{a: 1, b: 5}, got, "one finds out for all")
		report(a, nil)
		assert.ElementsMatch(t, []*transport.Proxy{a, b}, []*transport.Proxy{next(there), next(there)})
	})
}

// A Retry goes through a source's proxies once, and a caller's end is no proxy's
// fault.
func TestProxySourceIsAskedOnce(t *testing.T) {
	dead := parse(t, "http://"+closedPort(t))
	asked, reported := 0, 0
	source := &countingSource{next: func(tried []*transport.Proxy) (*transport.Proxy, error) {
		if asked++; len(tried) > 1 {
			return nil, transport.ErrNoProxy
		}
		return dead, nil
	}, report: func() { reported++ }}
	tr := newTransport(t, transport.Config{ProxySource: source, Retries: 3})
	refused(t, tr, newRequest(t, http.MethodGet, "http://a.test", nil))
	assert.Equal(t, 3, asked)
	assert.Equal(t, 2, reported)

	mute := startProxy(t, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultHang}})
	asked, reported, dead = 0, 0, parse(t, mute.URL())
	ctx, cancel := context.WithTimeout(t.Context(), brief)
	defer cancel()
	refused(t, tr, newRequest(t, http.MethodGet, "https://a.test", nil).WithContext(ctx))
	assert.Zero(t, reported)
}

type countingSource struct {
	next   func(tried []*transport.Proxy) (*transport.Proxy, error)
	report func()
}

func (s *countingSource) Next(_ context.Context, _ *url.URL, tried []*transport.Proxy) (*transport.Proxy, error) {
	return s.next(tried)
}

func (s *countingSource) Report(*transport.Proxy, *transport.Error) { s.report() }

func TestProxySourceGoesOnToTheNextProxy(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("hi")})
	dead := startProxy(t, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	wrong := startProxy(t, transporttest.ProxyConfig{User: "u", Password: "right"})
	good := startProxy(t, transporttest.ProxyConfig{Scheme: "socks5"})
	pool := transport.ProxyPool([]*transport.Proxy{
		parse(t, dead.URL()), parse(t, strings.Replace(wrong.URL(), "right", "wrong", 1)), parse(t, good.URL()),
	})
	tr := newTransport(t, transport.Config{ProxySource: pool})
	resp, text := exchange(t, tr, newRequest(t, http.MethodPost, server.URL(), strings.NewReader("hello")))
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, "hi", text)
	assert.Equal(t, 1, good.Tunnels())
	get(t, tr, server.URL())
	assert.Equal(t, 1, wrong.AuthFailures(), "the failed ones rest now")
	assert.Equal(t, 1, server.Accepted(), "and the connection is used again")

	t.Run("all failing is the last one's error", func(t *testing.T) {
		tr := newTransport(t, transport.Config{ProxySource: transport.ProxyPool([]*transport.Proxy{parse(t, dead.URL())})})
		e := refused(t, tr, newRequest(t, http.MethodGet, server.URL(), nil))
		assert.Equal(t, transport.PhaseDialProxy, e.Phase)
	})
	t.Run("an empty pool sends nothing", func(t *testing.T) {
		before := server.Accepted()
		tr := newTransport(t, transport.Config{ProxySource: transport.ProxyPool(nil)})
		e := refused(t, tr, newRequest(t, http.MethodGet, server.URL(), nil))
		assert.Equal(t, transport.SentNo, e.Sent)
		require.ErrorIs(t, e, transport.ErrNoProxy)
		assert.Equal(t, before, server.Accepted())
	})
	t.Run("NoProxy goes before it", func(t *testing.T) {
		tr := newTransport(t, transport.Config{ProxySource: transport.ProxyPool(nil), NoProxy: "127.0.0.1"})
		_, text := get(t, tr, server.URL())
		assert.Equal(t, "hi", text)
	})
}

func TestRegisterSchemes(t *testing.T) {
	transport.RegisterSchemes()
	transport.RegisterSchemes()
	target := listen(t, echo)
	for _, scheme := range []string{"http", "socks4", "socks4a"} {
		t.Run(scheme, func(t *testing.T) {
			p := startProxy(t, transporttest.ProxyConfig{Scheme: scheme})
			u, err := url.Parse(p.URL())
			require.NoError(t, err)
			d, err := proxy.FromURL(u, proxy.Direct)
			require.NoError(t, err)
			conn, err := d.(proxy.ContextDialer).DialContext(bounded(t), "tcp", target)
			require.NoError(t, err)
			_, err = conn.Write([]byte("x"))
			require.NoError(t, err)
			var b [1]byte
			_, err = conn.Read(b[:])
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			assert.Equal(t, 1, p.Tunnels())
		})
	}
	t.Run("a bad URL is refused without its password", func(t *testing.T) {
		_, err := proxy.FromURL(&url.URL{Scheme: "socks4", Host: "h", User: url.UserPassword("u", marker)}, proxy.Direct)
		require.ErrorContains(t, err, "use socks5")
		assert.NotContains(t, err.Error(), marker)
	})
}

func TestFallbackIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var viaProxy, direct int
		broken := true
		routed := transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			viaProxy++
			if broken {
				return nil, &transport.Error{Phase: transport.PhaseDialProxy, Sent: transport.SentNo, Proxy: parse(t, "http://p"), Err: context.DeadlineExceeded}
			}
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		})
		straight := transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			direct++
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		})
		rt := transport.Chain(routed, transport.Fallback(straight, nil))
		send := func(host string) {
			_, err := rt.RoundTrip(newRequest(t, http.MethodGet, "https://"+host+"/", nil))
			require.NoError(t, err)
		}
		for range 5 {
			send("a")
		}
		assert.Equal(t, 1, viaProxy, "the others do not pay for it again")
		assert.Equal(t, 5, direct)
		send("b")
		assert.Equal(t, 2, viaProxy, "another origin is another route")
		time.Sleep(30 * time.Second)
		send("a")
		send("a")
		assert.Equal(t, 3, viaProxy, "one tries anew")
		time.Sleep(30 * time.Second)
		broken = false
		send("a")
		send("a")
		assert.Equal(t, 5, viaProxy, "it works again: the proxy is used")
		assert.Equal(t, 8, direct)
	})
}
