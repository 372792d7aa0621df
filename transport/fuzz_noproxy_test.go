package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/http/httpproxy"

	"github.com/aitransport/aitransport/transport"
)

// FuzzNoProxy: whatever stands in a list, it is either refused, for being made of
// URLs and without being shown, or decides about a host as httpproxy does, with
// these differences: the dot at the end of a name does not count, and loopback hosts
// are direct only where they are named. FromEnvironment decides the same, but for
// loopback, which it reaches directly.
func FuzzNoProxy(f *testing.F) {
	for _, list := range []string{
		"", "*", "a.com,*", "*.", "example.com", ".example.com", "*.example.com", "example.com.", "example.com.:8443", "example.com:443",
		"10.0.0.0/8, 192.168.1.7", "fd00::/8,[2001:db8::1]:80", "LOCALHOST", ".localhost", "localhost:8080", "127.0.0.1", "127.0.0.0/8",
		"0.0.1", ".1", "::1", "[::1]:443", "0:0:0:0:0:0:0:1", "http://foo.com", "user:" + marker + "@foo.com", ",,", "bücher.example", ":80", "[",
	} {
		for _, host := range []string{"api.example.com", "example.com.", "localhost:8080", "127.0.0.1", "[::1]:443", "10.1.2.3:80", "[2001:db8::1]", "xn--bcher-kva.example"} {
			f.Add(list, host, len(list)%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, list, host string, secure bool) {
		scheme := map[bool]string{false: "http", true: "https"}[secure]
		u, err := url.Parse(scheme + "://" + host)
		if err != nil || u.Host != host || strings.Contains(list, "\x00") {
			return // nobody can ask for that, or set it
		}
		if _, _, err := net.SplitHostPort(net.JoinHostPort(u.Hostname(), "1")); err != nil || strings.Contains(host, "..") {
			return // and nobody can dial that
		}
		direct, err := directly(t, transport.Config{NoProxy: list}, u)
		if refused := refusedEntry(list); refused > 0 {
			if err == nil || !strings.Contains(fmt.Sprint(err), fmt.Sprintf("entry %d of Config.NoProxy is a URL", refused)) {
				t.Fatalf("%q is not refused for its entry %d: %v", list, refused, err)
			}
			if strings.Contains(err.Error(), marker) {
				t.Fatalf("the password shows: %v", err)
			}
			return
		}
		if errors.Is(err, errNobody) {
			return
		}
		if err != nil {
			t.Fatalf("%q is refused: %v", list, err)
		}
		if want := namedBy(list, u); direct != want {
			t.Fatalf("%q and %s: direct is %t, not %t", list, u, direct, want)
		}
		t.Setenv("ALL_PROXY", "http://proxy:1")
		t.Setenv("NO_PROXY", list)
		choose, err := transport.FromEnvironment()
		if err != nil {
			t.Fatal(err)
		}
		if p, err := choose(u); err != nil || (p == nil) != (direct || loopback(u)) {
			t.Fatalf("by the environment: %v, %v, where direct is %t", p, err, direct)
		}
	})
}

// errNobody is what comes of a host to which no request can be sent.
var errNobody = errors.New("no such host")

// directly asks a Transport whether it reaches a URL without asking for a proxy.
func directly(t *testing.T, config transport.Config, u *url.URL) (direct bool, err error) {
	t.Helper()
	asked := errors.New("a proxy was asked for")
	config.ProxyFunc = func(*url.URL) (*transport.Proxy, error) { return nil, asked }
	config.Dialer = &dialerFunc{func(context.Context, string, string) (net.Conn, error) { return nil, errNobody }}
	tr, err := transport.New(config)
	if err != nil {
		return false, err
	}
	defer tr.Close()
	_, err = tr.RoundTrip(&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}})
	var e *transport.Error
	if !errors.As(err, &e) {
		return false, errNobody // it could never be sent
	}
	return !errors.Is(err, asked), nil
}

// refusedEntry is the number of the first entry that is a URL, or 0.
func refusedEntry(list string) int {
	for i, entry := range strings.Split(list, ",") {
		if strings.Contains(entry, "@") || strings.Contains(entry, "://") {
			return i + 1
		}
	}
	return 0
}

// dotAtEnd is the dot behind a name, which says that it is complete. Behind a star
// alone it is not there to make everything direct.
var dotAtEnd = regexp.MustCompile(`^([^:]*[^:*]|[^:]+\*)\.(:.*)?$`)

// namedBy is whether a list names the host of a URL, by the rules of httpproxy for
// hosts that are not loopback, and by the same rules written out for those that are.
func namedBy(list string, u *url.URL) bool {
	var entries []string
	for entry := range strings.SplitSeq(strings.ToLower(list), ",") {
		entries = append(entries, dotAtEnd.ReplaceAllString(strings.TrimSpace(entry), "$1$2"))
	}
	plain := *u
	if host, port, found := strings.Cut(u.Host, ":"); strings.HasSuffix(host, ".") {
		plain.Host = strings.TrimSuffix(host, ".") + map[bool]string{true: ":" + port}[found]
	}
	if !loopback(u) {
		config := httpproxy.Config{HTTPProxy: "http://proxy", HTTPSProxy: "http://proxy", NoProxy: strings.Join(entries, ",")}
		p, err := config.ProxyFunc()(&plain)
		return p == nil && err == nil
	}
	for _, entry := range entries {
		if namesLoopback(entry, strings.ToLower(plain.Hostname()), portOf(u)) {
			return true
		}
	}
	return false
}

// namesLoopback is one entry's word on localhost or a loopback address.
func namesLoopback(entry, host, port string) bool {
	ip := net.ParseIP(host)
	if _, network, err := net.ParseCIDR(entry); err == nil {
		return ip != nil && network.Contains(ip)
	}
	name := entry
	if h, p, err := net.SplitHostPort(entry); err == nil {
		if p != "" && p != port {
			return false
		}
		name = h
	}
	if named := net.ParseIP(strings.Trim(name, "[]")); named != nil {
		return named.Equal(ip)
	}
	return entry == "*" || name == host
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}

// loopback tells whether a URL's host is this machine by its name or address.
func loopback(u *url.URL) bool {
	host, _, _ := strings.Cut(strings.TrimSuffix(u.Hostname(), "."), "%")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
