package transport_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
)

func TestParseProxyAccepts(t *testing.T) {
	cases := []struct {
		name, raw          string
		scheme, addr, text string
	}{
		{"http", "http://proxy:3128", "http", "proxy:3128", "http://proxy:3128"},
		{"http default port", "http://proxy", "http", "proxy:80", "http://proxy:80"},
		{"https default port", "https://proxy", "https", "proxy:443", "https://proxy:443"},
		{"socks4 default port", "socks4://proxy", "socks4", "proxy:1080", "socks4://proxy:1080"},
		{"socks4a default port", "socks4a://proxy", "socks4a", "proxy:1080", "socks4a://proxy:1080"},
		{"socks5 default port", "socks5://proxy", "socks5", "proxy:1080", "socks5://proxy:1080"},
		{"socks5h default port", "socks5h://proxy", "socks5h", "proxy:1080", "socks5h://proxy:1080"},
		{"closing slash", "http://proxy:3128/", "http", "proxy:3128", "http://proxy:3128"},
		{"upper case", "SOCKS5H://User:Word@PROXY.Example.COM:9", "socks5h", "proxy.example.com:9", "socks5h://User:***@proxy.example.com:9"},
		{"leading zeros of a port", "http://proxy:0080", "http", "proxy:80", "http://proxy:80"},
		{"IPv4", "socks5://10.0.0.2:1080", "socks5", "10.0.0.2:1080", "socks5://10.0.0.2:1080"},
		{"IPv6", "http://[::1]:3128", "http", "[::1]:3128", "http://[::1]:3128"},
		{"IPv6 without a port", "socks5://[2001:DB8::1]", "socks5", "[2001:db8::1]:1080", "socks5://[2001:db8::1]:1080"},
		{"IPv6 with an escaped zone", "http://[fe80::1%25Eth0]:80", "http", "[fe80::1%Eth0]:80", "http://[fe80::1%25Eth0]:80"},
		{"IPv6 with a bare zone", "http://[fe80::1%eth0]:80", "http", "[fe80::1%eth0]:80", "http://[fe80::1%25eth0]:80"},
		{"user", "http://user@proxy", "http", "proxy:80", "http://user@proxy:80"},
		{"user and empty password", "http://user:@proxy", "http", "proxy:80", "http://user@proxy:80"},
		{"user and password", "http://user:" + marker + "@proxy", "http", "proxy:80", "http://user:***@proxy:80"},
		{"password alone", "https://:" + marker + "@proxy", "https", "proxy:443", "https://:***@proxy:443"},
		{"escapes", "socks5://us%20er%40%3A:p%2F%40@proxy", "socks5", "proxy:1080", "socks5://us%20er%40%3A:***@proxy:1080"},
		{"colons in a password", "http://user:a:b:c@proxy", "http", "proxy:80", "http://user:***@proxy:80"},
		{"user of socks4", "socks4://me@proxy", "socks4", "proxy:1080", "socks4://me@proxy:1080"},
		{"underscore in the host", "http://my_proxy:1", "http", "my_proxy:1", "http://my_proxy:1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, err := transport.ParseProxy(c.raw)
			require.NoError(t, err)
			assert.Equal(t, c.scheme, p.Scheme())
			assert.Equal(t, c.addr, p.Addr())
			assert.Equal(t, c.text, p.String())
		})
	}
}

func TestParseProxyTakes512Characters(t *testing.T) {
	const around = "http://u:@proxy"
	fits := "http://u:" + strings.Repeat("ü", 512-len(around)) + "@proxy"
	_, err := transport.ParseProxy(fits)
	require.NoError(t, err, "512 characters are allowed, however many bytes they are")

	_, err = transport.ParseProxy(fits + "x")
	var refusal *transport.ProxyError
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, "it is 513 characters long", refusal.Reason)
	assert.Contains(t, refusal.Advice, "512")
}

// refusals are forms that are no proxy URL, with what is said about them. Each
// holds the marker as its password, or would, if it were read with good will.
var refusals = []struct {
	name, raw      string
	reason, advice string // parts of what must be said
}{
	{"empty", "", "empty", "socks5://"},
	{"no scheme", "user:" + marker + "@proxy:3128", "no scheme", "socks5://"},
	{"host and port alone", "proxy:3128", "no scheme", "socks5://"},
	{"empty scheme", "://user:" + marker + "@proxy", "unknown scheme", "socks5h"},
	{"unknown scheme", "ftp://user:" + marker + "@proxy", "unknown scheme", "socks5h"},
	{"password in the place of the scheme", marker + "://proxy", "unknown scheme", "socks5h"},
	{"space", "http://user: " + marker + "@proxy", "space", "%20"},
	{"line break", "http://user:" + marker + "@proxy\n", "space or control", "remove it"},
	{"zero byte", "http://user:\x00" + marker + "@proxy", "control character", "remove it"},
	{"escaped control character", "http://user:%0d%0a" + marker + "@proxy", "control character", "remove it"},
	{"unescaped @ in the password", "http://user:a@" + marker + "@proxy", "unescaped @", "%40"},
	{"unescaped @ in the user", "http://us@er:" + marker + "@proxy", "unescaped @", "%40"},
	{"unescaped % in the password", "http://user:%zz" + marker + "@proxy", "starts no escape", "%25"},
	{"unescaped % at the end", "http://user:" + marker + "%@proxy", "starts no escape", "%25"},
	{"unescaped # in the password", "http://user:a#" + marker + "@proxy", `unescaped "#"`, "%23"},
	{"unescaped / in the password", "http://user:a/" + marker + "@proxy", `unescaped "/"`, "%2F"},
	{"unescaped ? in the password", "http://user:a?" + marker + "@proxy", `unescaped "?"`, "%3F"},
	{"unescaped \\ in the password", `http://user:a\` + marker + "@proxy", `unescaped "\`, "%5C"},
	{"path", "http://user:" + marker + "@proxy/path", "something follows", "after host:port"},
	{"query", "http://proxy:80?" + marker, "something follows", "after host:port"},
	{"fragment", "http://proxy:80#" + marker, "something follows", "after host:port"},
	{"@ alone", "http://@proxy", "neither user name nor password", "remove the @"},
	{"@ and colon alone", "http://:@proxy", "neither user name nor password", "user:password@"},
	{"colon in an HTTP user", "http://us%3Aer:" + marker + "@proxy", "colon cannot be sent", "another user name"},
	{"password for socks4", "socks4://user:" + marker + "@proxy", "SOCKS4 knows no password", "use socks5"},
	{"password for socks4a", "socks4a://user:" + marker + "@proxy", "SOCKS4 knows no password", "use socks5"},
	{"socks5 without a user", "socks5://:" + marker + "@proxy", "1 to 255 bytes", "give both"},
	{"socks5 user too long", "socks5://" + strings.Repeat("u", 256) + ":" + marker + "@proxy", "1 to 255 bytes", "shorten"},
	{"socks5 password too long", "socks5h://u:" + marker + strings.Repeat("x", 255) + "@proxy", "at most 255", "shorten"},
	{"no host", "http://", "no host", "scheme://host:port"},
	{"no host but a port", "http://user:" + marker + "@:3128", "no host", "scheme://host:port"},
	{"port is no number", "http://user:" + marker + "@proxy:http", "port is not a number", "1080"},
	{"port 0", "http://proxy:0", "port is not a number from 1", "1080"},
	{"port 65536", "http://proxy:65536", "to 65535", "1080"},
	{"empty port", "http://user:" + marker + "@proxy:", "port is not a number", "leave the colon out"},
	{"two ports", "http://127.0.0.1:8000:8000", "more than one colon", "host:port"},
	{"password after the host", "http://proxy:80:" + marker, "more than one colon", "host:port"},
	{"IPv6 without brackets", "http://::1:3128", "more than one colon", "[::1]:1080"},
	{"bracket not closed", "http://user:" + marker + "@[::1", "no IPv6 address", "[::1]:1080"},
	{"IPv4 in brackets", "http://[127.0.0.1]:80", "no IPv6 address", "without brackets"},
	{"name in brackets", "http://[" + marker + "]:80", "no IPv6 address", "without brackets"},
	{"empty zone", "http://[fe80::1%25]:80", "no IPv6 address", "[::1]:1080"},
	{"zone that is no name", "http://[fe80::1%25a%20b]:80", "no IPv6 address", "[::1]:1080"},
	{"something after the bracket", "http://[::1]" + marker, "something other than a port follows ]", "[::1]:1080"},
	{"IPv6 and empty port", "http://[::1]:", "port is not a number", "leave the colon out"},
	{"international name", "http://user:" + marker + "@bücher.example", "character that no host name has", "punycode"},
	{"percent in the host", "http://user:" + marker + "@pro%78y", "character that no host name has", "IP address"},
}

func TestParseProxyRefusesWithAdvice(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			p, err := transport.ParseProxy(c.raw)
			require.Nil(t, p)
			var refusal *transport.ProxyError
			require.ErrorAs(t, err, &refusal)
			assert.Contains(t, refusal.Reason, c.reason)
			assert.Contains(t, refusal.Advice, c.advice)
			assert.Contains(t, err.Error(), refusal.Reason)
			assert.Contains(t, err.Error(), refusal.Advice)
		})
	}
}

func TestParseProxyErrorNeverHoldsThePassword(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			_, err := transport.ParseProxy(c.raw)
			require.Error(t, err)
			assertNoSecret(t, err)
		})
	}
	// Whatever else a password holds and wherever it stands, it is not told.
	for _, special := range []string{"@", "%", "#", "/", "?", "\\", ":", "[", "]", " ", "\t", "\x7f", "ü", "\xff", "&", "=", "\"", "'", "%4", "@@", "://"} {
		for _, scheme := range []string{"http", "https", "socks4", "socks4a", "socks5", "socks5h", "nonsense"} {
			for _, info := range []string{
				"user:" + special + marker, "user:" + marker + special, marker + special + ":x", special + marker, "user:x" + special + marker + special,
			} {
				raw := scheme + "://" + info + "@proxy:3128"
				if p, err := transport.ParseProxy(raw); err != nil {
					assertNoSecret(t, err)
				} else if strings.HasPrefix(info, "user:") {
					assertNoSecret(t, p)
				}
			}
		}
	}
}
