package realproxy_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aitransport/aitransport/transport/transporttest"
	"github.com/aitransport/aitransport/transport/transporttest/realproxy"
)

// kind is one of the six programs, and what its users may rely on.
type kind struct {
	name     string
	start    func(testing.TB, realproxy.Config) *realproxy.Proxy
	scheme   string
	password string // with all that the program can take; "": it knows none
	wrong    int    // the status for a wrong password over plain HTTP; 0: SOCKS, or no passwords
	via      string // what stands in Via of plain requests; "": there is none
	logged   string // what the log says of a tunnel to an address
}

const user = "alice"

var kinds = []kind{
	{"squid", realproxy.Squid, "http", `s3cret %41@:/?#é"'\`, http.StatusProxyAuthRequired, "squid", "CONNECT %s"},
	{"dante", realproxy.Dante, "socks5", `s3cret %41@:/?#é"'\`, 0, "", ""},
	{"tinyproxy", realproxy.Tinyproxy, "http", "s3cret-p.w_D", http.StatusUnauthorized, "tinyproxy", "CONNECT %s HTTP/1.1"},
	{"microsocks", realproxy.Microsocks, "socks5", `s3cret %41@:/?#é"'\`, 0, "", "connected to %s"},
	{"privoxy", realproxy.Privoxy, "http", "", 0, "", `"CONNECT %s HTTP/1.1" 200`},
	{"haproxy", haproxy, "https", `s3cret %41@:/?#é"'\`, http.StatusProxyAuthRequired, "squid", "CONNECT %s"},
}

// authority issues the certificates of all https proxies.
var authority = sync.OnceValues(transporttest.NewCA)

// haproxy starts haproxy in front of a squid of its own.
func haproxy(tb testing.TB, c realproxy.Config) *realproxy.Proxy {
	tb.Helper()
	ca, err := authority()
	if err != nil {
		tb.Fatal(err)
	}
	return realproxy.Haproxy(tb, realproxy.HaproxyConfig{Backend: realproxy.Squid(tb, c), CA: ca})
}

// config asks for a password where the program knows any.
func (k kind) config() realproxy.Config {
	if k.password == "" {
		return realproxy.Config{}
	}
	return realproxy.Config{User: user, Password: k.password}
}

// http tells whether plain requests are passed on, not tunnelled.
func (k kind) http() bool { return k.scheme != "socks5" }

// line is what the proxy logs of a tunnel to an upstream.
func (k kind) line(upstream *httptest.Server) string {
	addr := upstream.Listener.Addr().String()
	if k.name == "dante" {
		host, port, _ := strings.Cut(addr, ":")
		return host + "." + port
	}
	return fmt.Sprintf(k.logged, addr)
}

// chain returns a proxy and the one behind it, if there is one: the last of them
// knows the targets.
func chain(p *realproxy.Proxy) []*realproxy.Proxy {
	if p.Backend() == nil {
		return []*realproxy.Proxy{p}
	}
	return append([]*realproxy.Proxy{p}, chain(p.Backend())...)
}

// witness is the proxy of a chain that logs the targets.
func witness(p *realproxy.Proxy) *realproxy.Proxy {
	all := chain(p)
	return all[len(all)-1]
}

// upstream is a server that answers with what it was sent, and the proxy that
// says it sent it.
func upstream(t *testing.T, secure bool) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s via=%q", r.Method, body, r.Header.Get("Via"))
	}))
	// net/http dials more connections than it uses and drops some half way
	// through the handshake; the server's complaints about them say nothing.
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// client is plain net/http through a proxy.
func client(t *testing.T, proxy string, to *httptest.Server) *http.Client {
	t.Helper()
	u, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if to.Certificate() != nil {
		roots.AddCert(to.Certificate())
	}
	ca, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	roots.AppendCertsFromPEM(ca.PEM())
	transport := &http.Transport{Proxy: http.ProxyURL(u), TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// post sends one request and returns the status and the body, or the error.
func post(c *http.Client, to string) (int, string, error) {
	resp, err := c.Post(to, "text/plain", strings.NewReader("hello"))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}
