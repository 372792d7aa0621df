package realproxy_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aitransport/aitransport/transport/transporttest"
	"github.com/aitransport/aitransport/transport/transporttest/realproxy"
)

// handshake opens TLS to a proxy that has a certificate of the authority.
func handshake(t *testing.T, p *realproxy.Proxy, ca *transporttest.CA, protocols ...string) *tls.Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", p.Addr(), &tls.Config{RootCAs: ca.Pool(), NextProtos: protocols})
	if err != nil {
		t.Fatalf("TLS to %v, offering %q: %v", p, protocols, err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func newCA(t *testing.T) *transporttest.CA {
	t.Helper()
	ca, err := transporttest.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func TestHaproxyChoosesTheProtocol(t *testing.T) {
	ca, backend := newCA(t), realproxy.Tinyproxy(t, realproxy.Config{})
	for _, c := range []struct {
		http2  bool
		offers []string
		want   string
	}{
		{false, nil, ""},
		{false, []string{"http/1.1"}, "http/1.1"},
		{false, []string{"h2", "http/1.1"}, "http/1.1"},
		{false, []string{"h2"}, ""},
		{true, nil, ""},
		{true, []string{"http/1.1"}, "http/1.1"},
		{true, []string{"http/1.1", "h2"}, "h2"},
		{true, []string{"h2"}, "h2"},
	} {
		t.Run(fmt.Sprintf("h2=%v/%s", c.http2, strings.Join(c.offers, "+")), func(t *testing.T) {
			p := realproxy.Haproxy(t, realproxy.HaproxyConfig{Backend: backend, CA: ca, HTTP2: c.http2})
			conn := handshake(t, p, ca, c.offers...)
			if got := conn.ConnectionState().NegotiatedProtocol; got != c.want {
				t.Errorf("haproxy chose %q, want %q", got, c.want)
			}
			// tinyproxy, which cannot know about ALPN, answers all the same.
			fmt.Fprint(conn, "nonsense\r\n\r\n")
			if answer, err := io.ReadAll(conn); err != nil || !strings.Contains(string(answer), "400 Bad Request") {
				t.Errorf("answered %q, %v", answer, err)
			}
			conn.Close()
			logged := c.want
			if logged == "" {
				logged = "-"
			}
			p.WaitLog(t, "to "+backend.Addr()+", alpn "+logged+",")
		})
	}
}

func TestHaproxyIsTrustedByItsAuthorityOnly(t *testing.T) {
	ca := newCA(t)
	p := realproxy.Haproxy(t, realproxy.HaproxyConfig{Backend: realproxy.Tinyproxy(t, realproxy.Config{}), CA: ca})
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := handshake(t, p, ca).VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if conn, err := tls.Dial("tcp", p.Addr(), &tls.Config{RootCAs: newCA(t).Pool()}); err == nil {
		conn.Close()
		t.Error("a client trusts it who was not given its authority")
	}
}

// TestHaproxyWithoutBackend stops the proxy behind haproxy, which must not be
// haproxy's own affair, nor the other way round.
func TestHaproxyWithoutBackend(t *testing.T) {
	ca := newCA(t)
	c := realproxy.Config{User: user, Password: "s3cret-p.w_D"}
	backend := realproxy.Tinyproxy(t, c)
	if backend.Backend() != nil {
		t.Error("tinyproxy has a backend")
	}
	first := realproxy.Haproxy(t, realproxy.HaproxyConfig{Backend: backend, CA: ca})
	if want := strings.Replace(backend.URL(), "http://", "https://", 1); first.Backend() != backend ||
		strings.Replace(first.URL(), first.Addr(), backend.Addr(), 1) != want {
		t.Errorf("%s does not have the user and the password of %s", first.URL(), backend.URL())
	}
	if u, err := url.Parse(first.URL()); err != nil || u.Scheme != "https" || u.User.Username() != user {
		t.Errorf("URL %s, %v: want https with the user", first.URL(), err)
	}
	first.Stop()
	second := realproxy.Haproxy(t, realproxy.HaproxyConfig{Backend: backend, CA: ca})
	to := upstream(t, false)
	direct := client(t, backend.URL(), to)
	if status, _, err := post(direct, to.URL); err != nil || status != 200 {
		t.Errorf("the backend after Stop of the haproxy before it: %d, %v", status, err)
	}
	backend.Stop()
	conn := handshake(t, second, ca)
	fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\n\r\n", to.Listener.Addr())
	if answer, err := io.ReadAll(conn); len(answer) > 0 || err != nil {
		t.Errorf("without a backend: %q, %v, want the end and not a byte", answer, err)
	}
}

func TestHaproxyConfigThatCannotWork(t *testing.T) {
	ca, http, socks := newCA(t), realproxy.Tinyproxy(t, realproxy.Config{}), realproxy.Microsocks(t, realproxy.Config{})
	for _, c := range []struct {
		config realproxy.HaproxyConfig
		want   string
	}{
		{realproxy.HaproxyConfig{CA: ca}, "HaproxyConfig.Backend"},
		{realproxy.HaproxyConfig{CA: ca, Backend: socks}, "HaproxyConfig.Backend"},
		{realproxy.HaproxyConfig{CA: ca, Backend: realproxy.Haproxy(t, realproxy.HaproxyConfig{Backend: http, CA: ca})}, "HaproxyConfig.Backend"},
		{realproxy.HaproxyConfig{Backend: http}, "HaproxyConfig.CA"},
	} {
		v := within(t, func(tb testing.TB) { realproxy.Haproxy(tb, c.config) })
		if !strings.Contains(v.failed, c.want) {
			t.Errorf("failed %q, want a failure that names %s", v.failed, c.want)
		}
	}
}
