package realproxy_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aitransport/aitransport/transport/transporttest/realproxy"
)

// kind is one of the four programs, and what its users may rely on.
type kind struct {
	name     string
	start    func(testing.TB, realproxy.Config) *realproxy.Proxy
	scheme   string
	password string // with all that the program can take
	wrong    int    // the status for a wrong password over plain HTTP; 0: SOCKS
	logged   string // what the log says of a tunnel to an address
}

const user = "alice"

var kinds = []kind{
	{"squid", realproxy.Squid, "http", `s3cret %41@:/?#é"'\`, http.StatusProxyAuthRequired, "CONNECT %s"},
	{"dante", realproxy.Dante, "socks5", `s3cret %41@:/?#é"'\`, 0, ""},
	{"tinyproxy", realproxy.Tinyproxy, "http", "s3cret-p.w_D", http.StatusUnauthorized, "CONNECT %s HTTP/1.1"},
	{"microsocks", realproxy.Microsocks, "socks5", `s3cret %41@:/?#é"'\`, 0, "connected to %s"},
}

// line is what the proxy logs of a tunnel to an upstream.
func (k kind) line(upstream *httptest.Server) string {
	addr := upstream.Listener.Addr().String()
	if k.name == "dante" {
		host, port, _ := strings.Cut(addr, ":")
		return host + "." + port
	}
	return fmt.Sprintf(k.logged, addr)
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
	transport := to.Client().Transport.(*http.Transport).Clone() // it trusts the server's certificate
	transport.Proxy = http.ProxyURL(u)
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
