package transport_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aitransport/aitransport/transport"
)

// FuzzParseProxy: no input panics; a refusal is a *ProxyError with advice; what is
// accepted prints as a URL that means the same again, but for a password; and no
// password shows in either. The seeds that found something are in testdata.
func FuzzParseProxy(f *testing.F) {
	for _, raw := range []string{
		"http://proxy:3128", "HTTPS://user:word@proxy/", "socks5h://[::1]:1080", "socks4://me@10.0.0.2",
		"http://[fe80::1%25eth0]:80", "http://us%20er:p%40%2F@proxy", "socks5://a:b:c@h:1", "http://:pw@h",
	} {
		f.Add(raw)
	}
	for _, c := range refusals {
		f.Add(c.raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := transport.ParseProxy(raw)
		if err != nil {
			var refusal *transport.ProxyError
			if p != nil || !errors.As(err, &refusal) || refusal.Reason == "" || refusal.Advice == "" {
				t.Fatalf("%q: %v, %v", raw, p, err)
			}
			return
		}
		shown := p.String()
		for _, verb := range verbs {
			if got := fmt.Sprintf(verb, p); verb != "%T" && got != shown {
				t.Fatalf("%q prints as %q by %s, not as %q", raw, got, verb, shown)
			}
		}
		again, err := transport.ParseProxy(shown)
		if err != nil {
			t.Fatalf("%q is shown as %q, which does not parse: %v", raw, shown, err)
		}
		if again.String() != shown || again.Scheme() != p.Scheme() || again.Addr() != p.Addr() {
			t.Fatalf("%q is shown as %q, which means %q", raw, shown, again)
		}
		if strings.Contains(hide(raw), "@") != strings.Contains(shown, "@") {
			t.Fatalf("%q is shown as %q", raw, shown)
		}
	})
}

// FuzzProxyPassword puts a password that cannot be mistaken into otherwise
// arbitrary URLs: whatever becomes of them, it is not seen.
func FuzzProxyPassword(f *testing.F) {
	f.Add("http://user:", "@proxy")
	f.Add("socks5://user:a%40", "%zz@h:1")
	f.Add("socks4://user:", "@[::1]:1080")
	f.Add("https://u:p/", "#@h?x")
	f.Fuzz(func(t *testing.T, before, after string) {
		if scheme, rest, ok := strings.Cut(before, "://"); !ok || !strings.Contains(rest, ":") || strings.Contains(scheme, "@") {
			return // what follows is no password: a user name and a host are shown
		}
		if strings.Contains(before+after, marker) || strings.ContainsAny(before, "@[") {
			return
		}
		p, err := transport.ParseProxy(before + marker + after)
		if err != nil {
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), marker) {
				t.Fatalf("%q %q: %v", before, after, err)
			}
			return
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", p, p, p), marker) {
			t.Fatalf("%q %q: %v", before, after, p)
		}
	})
}

// hide is a URL without what stands between its scheme and its last @, the @ kept.
func hide(raw string) string {
	_, rest, _ := strings.Cut(raw, "://")
	return rest[max(strings.LastIndexByte(rest, '@'), 0):]
}
