package transport

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
)

// Proxy is a forward proxy: how it is spoken to, where it is, and who we are to it.
// It is made by [ParseProxy], never changes and is safe for concurrent use. However
// it is printed, logged or marshalled, the password does not show.
type Proxy struct {
	scheme string
	host   string // lower case, without brackets; an IPv6 zone as it is
	port   string

	credentials func() (user, password string) // nil: none; a closure, so that no printer can reach them
	redacted    string
	fingerprint string
}

// Scheme is one of http, https, socks4, socks4a, socks5 and socks5h.
func (p *Proxy) Scheme() string { return p.scheme }

// Addr is the proxy's host and port, fit for dialling.
func (p *Proxy) Addr() string { return net.JoinHostPort(p.host, p.port) }

// String is the proxy's URL with the password hidden: http://user:***@host:8080.
func (p *Proxy) String() string {
	if p == nil {
		return "direct"
	}
	return p.redacted
}

// Format prints String for every verb.
func (p *Proxy) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, p.String()) }

// LogValue is String, for log/slog.
func (p *Proxy) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText is String, for JSON and its like. There is no way back: what is
// stored this way has lost its password.
func (p *Proxy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// socks tells whether the proxy speaks a SOCKS protocol.
func (p *Proxy) socks() bool { return p != nil && p.scheme[0] == 's' }

// user is the name and password to show, if there are any.
func (p *Proxy) user() (name, password string, ok bool) {
	if p.credentials == nil {
		return "", "", false
	}
	name, password = p.credentials()
	return name, password, true
}

// url is what net/http wants to know; it holds the password and must not escape.
func (p *Proxy) url() *url.URL {
	u := &url.URL{Scheme: p.scheme, Host: p.Addr()}
	if name, password, ok := p.user(); ok {
		u.User = url.UserPassword(name, password)
	}
	return u
}

// route is the fingerprint of a possibly absent proxy; "" is the direct route.
func (p *Proxy) route() string {
	if p == nil {
		return ""
	}
	return p.fingerprint
}

// fingerprintKey keeps a fingerprint from being compared with guesses outside this
// process.
var fingerprintKey = func() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand
	return b
}()

// seal fills in what is derived from the other fields.
func (p *Proxy) seal() *Proxy {
	mac := hmac.New(sha256.New, fingerprintKey)
	fmt.Fprintf(mac, "%q %q", p.scheme, p.Addr())
	shown := ""
	if name, password, ok := p.user(); ok {
		fmt.Fprintf(mac, " %q %q", name, password)
		shown = url.User(name).String()
		if password != "" {
			shown += ":***"
		}
		shown += "@"
	}
	p.redacted = p.scheme + "://" + shown + strings.Replace(p.Addr(), "%", "%25", 1) // the % of a zone
	p.fingerprint = hex.EncodeToString(mac.Sum(nil)[:16])
	return p
}
