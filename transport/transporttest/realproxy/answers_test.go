package realproxy_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aitransport/aitransport/transport/transporttest"
	"github.com/aitransport/aitransport/transport/transporttest/realproxy"
)

// wire is one connection to a proxy, without a client's opinion on it.
type wire struct {
	net.Conn
	reader *bufio.Reader
}

func dial(t *testing.T, p *realproxy.Proxy) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(p.URL(), "https://") {
		ca, err := authority()
		if err != nil {
			t.Fatal(err)
		}
		conn = tls.Client(conn, &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"})
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &wire{conn, bufio.NewReader(conn)}
}

// ask sends a request for a host and returns the answer, whose body is read, or
// nil where the connection ended instead.
func (w *wire) ask(t *testing.T, method, host, header string) *http.Response {
	t.Helper()
	target := "http://" + host + "/"
	if method == http.MethodConnect {
		target = host
	}
	if _, err := fmt.Fprintf(w, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, target, host, header); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(w.reader, &http.Request{Method: method})
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	if method != http.MethodConnect || resp.StatusCode != http.StatusOK { // that one goes on for ever
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("%s %s: after %q: %v", method, target, body, err)
		}
	}
	return resp
}

// ended waits for the connection's end, and returns false if there is none within
// a moment.
func (w *wire) ended(t *testing.T, moment time.Duration) bool {
	t.Helper()
	if err := w.SetReadDeadline(time.Now().Add(moment)); err != nil {
		t.Fatal(err)
	}
	_, err := w.reader.Peek(1)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// nobody is an address that refuses connections until the test's end.
func nobody(t *testing.T) string {
	t.Helper()
	p, err := transporttest.NewProxy(transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p.Addr()
}

// abrupt is an endpoint that reads a request, says something, and hangs up.
func abrupt(t *testing.T, says string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, says)
		conn.Close()
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// unknown is a name that no resolver can even ask for: its first label is longer
// than 63 bytes.
var unknown = strings.Repeat("x", 64) + ".invalid"

// TestOwnAnswers pins what the HTTP proxies answer by themselves, and by what
// such an answer can be told from an endpoint's.
func TestOwnAnswers(t *testing.T) {
	marks := map[string]func(http.Header) bool{
		"squid":     func(h http.Header) bool { return h.Get("X-Squid-Error") != "" },
		"tinyproxy": func(h http.Header) bool { return strings.HasPrefix(h.Get("Server"), "tinyproxy/") },
		"privoxy": func(h http.Header) bool {
			return h.Get("Last-Modified") == "Wed, 08 Jun 1955 12:00:00 GMT" &&
				h.Get("Expires") == "Sat, 17 Jun 2000 12:00:00 GMT" && h.Get("Server") == "" && h.Get("Via") == ""
		},
	}
	marks["haproxy"] = marks["squid"]
	const refuses, unnamed, hangsUp = "refuses", "unknown", "hangs up"
	want := map[string]map[string]int{
		refuses: {"squid": 503, "haproxy": 503, "tinyproxy": 500, "privoxy": 503},
		unnamed: {"tinyproxy": 500, "privoxy": 404}, // squid asks a name server all the same
		hangsUp: {"squid": 502, "haproxy": 502, "tinyproxy": 0, "privoxy": 502},
	}
	hosts := map[string]string{refuses: nobody(t), unnamed: unknown + ":80", hangsUp: abrupt(t, "")}
	for _, k := range kinds {
		if !k.http() {
			continue
		}
		p := k.start(t, realproxy.Config{})
		for what, host := range hosts {
			status, known := want[what][k.name]
			for _, method := range []string{"GET", "POST", "CONNECT"} {
				if !known || method == "CONNECT" && what == hangsUp {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%s", k.name, what, method), func(t *testing.T) {
					resp := dial(t, p).ask(t, method, host, "")
					if resp == nil && status != 0 || resp != nil && resp.StatusCode != status {
						t.Fatalf("answered %+v, want %d (0: nothing)", resp, status)
					}
					if resp != nil && !marks[k.name](resp.Header) {
						t.Errorf("%s: its mark is missing in %v", resp.Status, resp.Header)
					}
				})
			}
		}
		t.Run(k.name+"/passed on", func(t *testing.T) {
			resp := dial(t, p).ask(t, "GET", abrupt(t, "HTTP/1.1 503 No\r\nServer: me\r\nContent-Length: 0\r\n\r\n"), "")
			if resp == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Server") != "me" || marks[k.name](resp.Header) {
				t.Errorf("the endpoint's own 503 arrived as %+v", resp)
			}
		})
	}
}

// TestTunnelToWhoHangsUp shows that a tunnel opens and ends where a plain request
// would be answered by the proxy.
func TestTunnelToWhoHangsUp(t *testing.T) {
	for _, k := range kinds {
		if !k.http() {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			conn := dial(t, k.start(t, realproxy.Config{}))
			if resp := conn.ask(t, "CONNECT", abrupt(t, ""), ""); resp == nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("answered %+v, want 200", resp)
			}
			fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: here\r\n\r\n")
			if rest, err := io.ReadAll(conn.reader); len(rest) > 0 || err != nil {
				t.Errorf("in the tunnel: %q, %v, want the end", rest, err)
			}
		})
	}
}

// TestConnectionAfterAnswer pins who closes the client's connection after an
// answer to a plain request, and who says so.
func TestConnectionAfterAnswer(t *testing.T) {
	type habit struct{ closes, closesAfterOwn, saysSo bool }
	habits := map[string]habit{
		"squid":     {},
		"haproxy":   {},
		"tinyproxy": {closes: true, closesAfterOwn: true, saysSo: true}, // in its own answers only
		"privoxy":   {closesAfterOwn: true},
	}
	for _, k := range kinds {
		if !k.http() {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			want := habits[k.name]
			p, to := k.start(t, realproxy.Config{}), upstream(t, false)
			conn := dial(t, p)
			resp := conn.ask(t, "GET", to.Listener.Addr().String(), "")
			if resp == nil || resp.StatusCode != http.StatusOK || resp.Close {
				t.Fatalf("answered %+v, want 200 that does not say that the connection ends", resp)
			}
			if got := conn.ended(t, patience(want.closes)); got != want.closes {
				t.Errorf("closed after an endpoint's answer: %v, want %v", got, want.closes)
			}
			conn = dial(t, p)
			if resp = conn.ask(t, "GET", nobody(t), ""); resp == nil || resp.Close != want.saysSo {
				t.Fatalf("answered %+v, want one that says that the connection ends: %v", resp, want.saysSo)
			}
			if got := conn.ended(t, patience(want.closesAfterOwn)); got != want.closesAfterOwn {
				t.Errorf("closed after the proxy's own answer: %v, want %v", got, want.closesAfterOwn)
			}
		})
	}
}

// patience is how long to wait for an end: what must come has its time, what must
// not come has shown by then that it does not come at once.
func patience(comes bool) time.Duration {
	if comes {
		return 10 * time.Second
	}
	return 50 * time.Millisecond
}
