package transport_test

import (
	"compress/gzip"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/pool"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// byHand puts together what New does, from what the package exports.
func byHand(t *testing.T, c transport.Config) http.RoundTripper {
	t.Helper()
	c.Pool = pool.New(pool.Config{})
	t.Cleanup(func() { assert.NoError(t, c.Pool.Close()) })
	routes := func(c transport.Config) http.RoundTripper {
		offering, err := transport.NewPooled(c)
		require.NoError(t, err)
		c.HTTP2 = transport.HTTP2Never
		http1, err := transport.NewPooled(c)
		require.NoError(t, err)
		return transport.Chain(offering, transport.Downgrade(http1, nil))
	}
	layers := []transport.Middleware{transport.Decode(c.Decoders), transport.Retry(1)}
	if c.FallbackToDirect {
		direct := c
		direct.Proxy = nil
		layers = append(layers, transport.Fallback(routes(direct), c.FallbackOn))
	}
	return transport.Chain(routes(c), layers...)
}

// story is what a client sees of some requests in a row.
func story(rt http.RoundTripper, reqs ...*http.Request) string {
	var s strings.Builder
	for _, req := range reqs {
		resp, err := rt.RoundTrip(req)
		var e *transport.Error
		switch {
		case err == nil:
			body, err := readAndClose(resp)
			if len(body) > 20 {
				body = "a page"
			}
			fmt.Fprintf(&s, "%d %s %q %v %v; ", resp.StatusCode, resp.Proto, body, err, resp.Request == req)
		case errors.As(err, &e):
			fmt.Fprintf(&s, "%v sent:%v code:%d proxy:%v earlier:%v; ", e.Phase, e.Sent, e.Code, e.Proxy != nil, e.Earlier != nil)
		default:
			fmt.Fprintf(&s, "%T; ", err)
		}
	}
	return s.String()
}

// New is nothing but its layers: put together by hand they behave the same.
func TestNewIsItsLayers(t *testing.T) {
	ca := newCA(t)
	zipped := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.Copy(z, io.MultiReader(strings.NewReader("zipped "), r.Body))
		_ = z.Close()
	})
	post := func(url string) *http.Request {
		return newRequest(t, http.MethodPost, url, strings.NewReader("x"))
	}
	dead := func(t *testing.T) *transport.Proxy { return parse(t, "http://u:p@"+closedPort(t)) }
	cases := map[string]struct {
		want string
		run  func(t *testing.T, build func(transport.Config) http.RoundTripper) string
	}{
		"HTTP/2, decoded": {`200 HTTP/2.0 "zipped x" <nil> true; `, func(t *testing.T, build func(transport.Config) http.RoundTripper) string {
			server := upstreams[2].start(t, ca, zipped)
			return story(build(transport.Config{}), post(server.URL()))
		}},
		"SOCKS, HTTP/1.1": {`200 HTTP/1.1 "zipped x" <nil> true; `, func(t *testing.T, build func(transport.Config) http.RoundTripper) string {
			server := upstreams[2].start(t, ca, zipped)
			proxy := startProxy(t, transporttest.ProxyConfig{Scheme: "socks5"})
			return story(build(transport.Config{Proxy: parse(t, proxy.URL())}), post(server.URL()))
		}},
		"a dead proxy": {"dial-proxy sent:no code:0 proxy:true earlier:false; ", func(t *testing.T, build func(transport.Config) http.RoundTripper) string {
			return story(build(transport.Config{Proxy: dead(t)}), post("https://api.example.com"))
		}},
		"fallback, remembered": {`200 HTTP/2.0 "zipped x" <nil> true; 200 HTTP/2.0 "zipped x" <nil> true; agents:3`, func(t *testing.T, build func(transport.Config) http.RoundTripper) string {
			server := upstreams[2].start(t, ca, zipped)
			var agents atomic.Int64
			ctx := transport.WithTrace(bounded(t), &transport.Trace{GotAgent: func(transport.AgentInfo) { agents.Add(1) }})
			rt := build(transport.Config{Proxy: dead(t), FallbackToDirect: true})
			s := story(rt, post(server.URL()).WithContext(ctx), post(server.URL()).WithContext(ctx))
			return s + fmt.Sprint("agents:", agents.Load()) // proxy, direct, direct
		}},
		"fallback that fails": {"dial-target sent:no code:0 proxy:false earlier:true; ", func(t *testing.T, build func(transport.Config) http.RoundTripper) string {
			return story(build(transport.Config{Proxy: dead(t), FallbackToDirect: true}), post("http://"+closedPort(t)))
		}},
		"a wrong password": {"proxy-auth sent:no code:407 proxy:true earlier:false; ", func(t *testing.T, build func(transport.Config) http.RoundTripper) string {
			proxy := startProxy(t, transporttest.ProxyConfig{User: "u", Password: "right"})
			return story(build(transport.Config{Proxy: parse(t, "http://u:wrong@"+proxy.Addr()), FallbackToDirect: true}), post("https://api.example.com"))
		}},
		"downgraded": {`200 HTTP/1.1 "x" <nil> true; 200 HTTP/1.1 "x" <nil> true; `, func(t *testing.T, build func(transport.Config) http.RoundTripper) string {
			certificate, err := ca.Certificate()
			require.NoError(t, err)
			url, _ := unsound(t, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}}, func(*tls.Conn) {})
			return story(build(transport.Config{}), post(url), post(url))
		}},
		"a connection that died idle": {`200 HTTP/1.1 "" <nil> true; 200 HTTP/1.1 "" <nil> true; `, func(t *testing.T, build func(transport.Config) http.RoundTripper) string {
			server := newServer(t, transporttest.ServerConfig{})
			dialer := &spoiledDialer{base: new(net.Dialer)}
			rt := build(transport.Config{Dialer: dialer})
			first := story(rt, post(server.URL()))
			dialer.spoil()
			return first + story(rt, post(server.URL()))
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			config := func(c transport.Config) transport.Config {
				c.TLS = trust(ca)
				return c
			}
			assert.Equal(t, c.want, c.run(t, func(c transport.Config) http.RoundTripper { return newTransport(t, config(c)) }), "New")
			assert.Equal(t, c.want, c.run(t, func(c transport.Config) http.RoundTripper { return byHand(t, config(c)) }), "by hand")
		})
	}
}

// OnDone and Trace.BodyDone tell once of each request's end, however it comes.
func TestOnDoneIsCalledOnce(t *testing.T) {
	broken := errors.New("cut")
	cases := map[string]struct {
		body io.ReadCloser
		err  error
		use  func(body io.ReadCloser)
		want transport.End
	}{
		"read and closed": {io.NopCloser(strings.NewReader("four")), nil, func(b io.ReadCloser) {
			_, _ = io.ReadAll(b)
			_, _ = b.Read(make([]byte, 1))
			_ = b.Close()
			_ = b.Close()
		}, transport.End{Bytes: 4, Whole: true}},
		"closed early": {io.NopCloser(strings.NewReader("four")), nil, func(b io.ReadCloser) {
			_, _ = b.Read(make([]byte, 2))
			_ = b.Close()
			_ = b.Close()
		}, transport.End{Bytes: 2}},
		"broken off": {io.NopCloser(io.MultiReader(strings.NewReader("four"), &failing{broken})), nil, func(b io.ReadCloser) {
			_, _ = io.ReadAll(b)
			_ = b.Close()
		}, transport.End{Bytes: 4, Err: broken}},
		"no body":   {http.NoBody, nil, func(b io.ReadCloser) { _ = b.Close() }, transport.End{Whole: true}},
		"no answer": {nil, broken, nil, transport.End{Err: broken}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var ends []transport.End
			req := newRequest(t, http.MethodGet, "http://a.test", nil)
			rt := transport.OnDone(func(r *http.Request, resp *http.Response, end transport.End) {
				assert.Same(t, req, r)
				assert.Equal(t, c.err == nil, resp != nil)
				ends = append(ends, end)
			})(transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
				if c.err != nil {
					return nil, c.err
				}
				return &http.Response{StatusCode: http.StatusOK, Body: c.body}, nil
			}))
			resp, err := rt.RoundTrip(req)
			require.Equal(t, c.err, err)
			if err == nil {
				c.use(resp.Body)
			}
			assert.Equal(t, []transport.End{c.want}, ends)
		})
	}
}

// failing is a reader that fails.
type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestTraceTellsTunnelsAndEnds(t *testing.T) {
	ca := newCA(t)
	everyRoute(t, func(t *testing.T, route string, up upstream) {
		server := up.start(t, ca, text("four"))
		config, _ := through(t, route, transport.Config{TLS: trust(ca)})
		tr := newTransport(t, config)
		var (
			tunnels []transport.TunnelInfo
			ends    []transport.End
		)
		ctx := transport.WithTrace(bounded(t), &transport.Trace{
			Tunnel:   func(i transport.TunnelInfo) { tunnels = append(tunnels, i) },
			BodyDone: func(e transport.End) { ends = append(ends, e) },
		})
		for range 2 {
			exchange(t, tr, newRequest(t, http.MethodGet, server.URL(), nil).WithContext(ctx))
		}
		assert.Equal(t, []transport.End{{Bytes: 4, Whole: true}, {Bytes: 4, Whole: true}}, ends)
		if route == "direct" || strings.HasPrefix(route, "http") && !up.secure {
			assert.Empty(t, tunnels)
			return
		}
		require.Len(t, tunnels, 1, "the second request takes the same one")
		assert.Same(t, config.Proxy, tunnels[0].Proxy)
		assert.Equal(t, server.Addr(), tunnels[0].Addr)
		assert.Positive(t, tunnels[0].Took)
	})
}
