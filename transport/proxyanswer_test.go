package transport_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// A refused password looks the same whether it comes as the answer to CONNECT or
// as the answer to a request (nasty case 5).
func TestWrongPasswordIsProxyAuthOnEveryRoute(t *testing.T) {
	ca := newCA(t)
	codes := map[string]int{"http": 407, "https": 407, "socks4": 93, "socks4a": 93, "socks5": 1, "socks5h": 1}
	for _, scheme := range schemes {
		for _, up := range upstreams {
			t.Run(scheme+"/"+up.name, func(t *testing.T) {
				server := up.start(t, ca, nil)
				config := transporttest.ProxyConfig{User: "user", Password: "right"}
				credentials := "user:" + marker
				if strings.HasPrefix(scheme, "socks4") {
					config.Password, credentials = "", "other"
				}
				r := newRig(t, scheme, config)
				tr := newTransport(t, transport.Config{
					Proxy: parse(t, scheme+"://"+credentials+"@"+r.Addr()), ProxyTLS: r.dialer.TLS, TLS: trust(ca), FallbackToDirect: true,
				})
				e := refused(t, tr, newRequest(t, http.MethodPost, server.URL(), strings.NewReader("x")))
				assert.Equal(t, transport.PhaseProxyAuth, e.Phase)
				assert.Equal(t, transport.SentNo, e.Sent)
				assert.Equal(t, codes[scheme], e.Code)
				assert.Equal(t, server.Addr(), e.Addr)
				assert.Equal(t, 1, r.AuthFailures(), "not tried again")
				assert.Zero(t, server.Accepted(), "nor directly")
				assert.Zero(t, tr.Stats().InUse)
				assertNoSecret(t, e)
			})
		}
	}
}

// privoxyPage are the dates that all of Privoxy's own pages have.
var privoxyPage = http.Header{"Last-Modified": {"Wed, 08 Jun 1955 12:00:00 GMT"}, "Expires": {"Sat, 17 Jun 2000 12:00:00 GMT"}}

// Answers that say that the proxy made them are failures of the proxy's. All others
// are the endpoint's, whatever their status.
func TestAnswersOfTheProxyToAbsoluteForm(t *testing.T) {
	const connect, auth, answer = transport.PhaseProxyConnect, transport.PhaseProxyAuth, transport.PhaseUnknown
	cases := []struct {
		name   string
		status int
		header http.Header
		phase  transport.Phase // answer: none, it is passed on
		sent   transport.Sent
	}{
		{"407", 407, nil, auth, transport.SentNo},
		{"squid denies", 403, http.Header{"X-Squid-Error": {"ERR_ACCESS_DENIED 0"}}, connect, transport.SentNo},
		{"squid cannot connect", 503, http.Header{"X-Squid-Error": {"ERR_CONNECT_FAIL 111"}}, connect, transport.SentNo},
		{"squid cannot resolve", 503, http.Header{"X-Squid-Error": {"ERR_DNS_FAIL 0"}}, connect, transport.SentNo},
		{"squid lost the answer", 502, http.Header{"X-Squid-Error": {"ERR_READ_ERROR 104"}}, connect, transport.SentUnknown},
		{"Proxy-Status", 502, http.Header{"Proxy-Status": {"proxy; error=connection_refused"}}, connect, transport.SentNo},
		{"Proxy-Status, 504", 504, http.Header{"Proxy-Status": {"proxy; error=http_response_timeout"}}, connect, transport.SentUnknown},
		{"Proxy-Status without a reason", 502, http.Header{"Proxy-Status": {"proxy"}}, connect, transport.SentUnknown},
		{"Proxy-Status of the nearest", 502, http.Header{"Proxy-Status": {`cdn; received-status=503`, `proxy; details="a, b; error=x"; error=dns_error`}}, connect, transport.SentNo},
		{"Proxy-Status of one that passed it on", 503, http.Header{"Proxy-Status": {"cdn; error=connection_refused, proxy; received-status=503"}}, answer, 0},
		{"Proxy-Agent", 503, http.Header{"Proxy-Agent": {"Privoxy/3.0"}}, connect, transport.SentUnknown},
		{"tinyproxy's page", 503, http.Header{"Server": {"tinyproxy/1.11.1"}, "Content-Type": {"text/html"}}, connect, transport.SentUnknown},
		{"tinyproxy refuses a password", 401, http.Header{"Server": {"tinyproxy/1.11.1"}}, auth, transport.SentNo},
		{"tinyproxy cannot connect", 500, http.Header{"Server": {"tinyproxy/1.11.1"}}, connect, transport.SentUnknown},
		{"Privoxy cannot connect", 503, privoxyPage, connect, transport.SentUnknown},
		{"Privoxy knows no such name", 404, privoxyPage, connect, transport.SentUnknown},
		{"404", 404, http.Header{"Expires": privoxyPage["Expires"]}, answer, 0},
		{"what came by Via and has a Date", 503, http.Header{"Via": {"1.1 gate"}, "Date": {"Sat, 21 Nov 2026 06:00:00 GMT"}}, answer, 0},
		{"Via alone", 502, http.Header{"Via": {"1.1 gate"}}, connect, transport.SentUnknown},
		{"Via and a page of its Server", 502, http.Header{"Via": {"1.1 gate (Gate/2)"}, "Server": {"gate/2"}, "Content-Type": {"text/html; charset=utf-8"}}, connect, transport.SentUnknown},
		{"JSON that came by Via", 503, http.Header{"Via": {"1.1 gate"}, "Content-Type": {"application/json"}}, answer, 0},
		{"a page of the endpoint's that came by Via", 503, http.Header{"Via": {"1.1 gate"}, "Server": {"nginx"}, "Content-Type": {"text/html"}}, answer, 0},
		{"what squid passed on", 503, http.Header{"Via": {"1.1 gate (squid/5.7)"}}, answer, 0},
		{"200 with Proxy-Status", 200, http.Header{"Proxy-Status": {"proxy"}}, answer, 0},
		{"401", 401, nil, answer, 0},
		{"403", 403, nil, answer, 0},
		{"429 with Proxy-Status", 429, http.Header{"Proxy-Status": {"proxy"}}, answer, 0},
		{"500", 500, nil, answer, 0},
		{"502", 502, nil, answer, 0},
		{"503", 503, nil, answer, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			proxy := startProxy(t, transporttest.ProxyConfig{
				Fault: transporttest.Fault{Kind: transporttest.FaultAnswer, Status: c.status, Header: c.header},
			})
			tr := newTransport(t, transport.Config{Proxy: parse(t, proxy.URL())})
			body := &recorder{Reader: strings.NewReader("x")}
			req := newRequest(t, http.MethodPost, "http://api.example.com/", body)
			if c.phase == answer {
				resp, text := exchange(t, tr, req)
				assert.Equal(t, c.status, resp.StatusCode)
				assert.NotEmpty(t, text)
			} else {
				e := refused(t, tr, req)
				assert.Equal(t, c.phase, e.Phase)
				assert.Equal(t, c.sent, e.Sent)
				assert.Equal(t, c.status, e.Code)
				assert.Equal(t, "api.example.com:80", e.Addr)
				assert.Equal(t, 1, proxy.Accepted(), "an answer is not asked for twice")
			}
			eventuallyClosed(t, body)
			assert.Zero(t, tr.Stats().InUse)
		})
	}
}

// A tunnel carries answers that only the endpoint can have made.
func TestAnswersThroughATunnelAreTheEndpoints(t *testing.T) {
	ca := newCA(t)
	header := http.Header{"Proxy-Status": {"cdn; error=connection_refused"}, "X-Squid-Error": {"ERR_CONNECT_FAIL 0"}}
	for _, status := range []int{407, 403, 502, 503, 504} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for name, values := range header {
					w.Header()[name] = values
				}
				w.WriteHeader(status)
			})
			for _, route := range []string{"direct", "http", "socks5"} {
				for _, up := range upstreams {
					if route == "http" && !up.secure {
						continue // no tunnel
					}
					server := up.start(t, ca, handler)
					config, _ := through(t, route, transport.Config{TLS: trust(ca)})
					resp, _ := get(t, newTransport(t, config), server.URL())
					assert.Equal(t, status, resp.StatusCode)
				}
			}
		})
	}
}

// The failure is known when the head has come. A body that is promised and does not
// come is not waited for.
func TestProxyAnswerWhoseBodyHangs(t *testing.T) {
	release := make(chan struct{})
	addr := listen(t, func(conn *net.TCPConn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 100\r\n\r\nhalf")
		select {
		case <-release:
		case <-t.Context().Done():
		}
	})
	defer close(release)
	tr := newTransport(t, transport.Config{Proxy: parse(t, "http://"+addr)})
	failed := make(chan error, 1)
	req := newRequest(t, http.MethodGet, "http://api.example.com/", nil)
	go func() {
		resp, err := tr.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		failed <- err
	}()
	select {
	case err := <-failed:
		assert.Equal(t, transport.PhaseProxyAuth, typed(t, err).Phase)
	case <-bounded(t).Done():
		require.Fail(t, "still waiting for the body of an answer that nobody reads")
	}
	assert.Zero(t, tr.Stats().InUse)
}
