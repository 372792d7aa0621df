package transport

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// maxProxyURL is the longest proxy URL that is accepted, in characters.
const maxProxyURL = 512

// defaultPorts are the schemes we speak, with the port each has if none is given.
var defaultPorts = map[string]string{
	"http": "80", "https": "443",
	"socks4": "1080", "socks4a": "1080", "socks5": "1080", "socks5h": "1080",
}

const schemesHint = "write one of http, https, socks4, socks4a, socks5 or socks5h, as in socks5://user:password@10.0.0.2:1080"

// ProxyError says why a proxy URL was refused. It never holds the URL, and so no
// password.
type ProxyError struct {
	Reason string // what is wrong
	Advice string // what to write instead
}

func (e *ProxyError) Error() string { return "invalid proxy URL: " + e.Reason + ": " + e.Advice }

// ParseProxy reads a proxy's URL: scheme://user:password@host:port. The scheme is
// http, https, socks4, socks4a, socks5 or socks5h, in any case; the port may be
// left out (80, 443, 1080); user and password are percent-decoded; an IPv6 address
// stands in brackets. socks5 and socks5h are the same: the proxy resolves names.
//
// The error is a [*ProxyError]. Nothing is guessed: what is not exactly a proxy URL
// is refused, and never means "no proxy".
func ParseProxy(raw string) (*Proxy, error) {
	if err := checkProxyText(raw); err != nil {
		return nil, err
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return nil, &ProxyError{"no scheme", schemesHint}
	}
	p := &Proxy{scheme: strings.ToLower(scheme)}
	if p.port, ok = defaultPorts[p.scheme]; !ok {
		return nil, &ProxyError{"unknown scheme", schemesHint}
	}
	rest, err := cutTail(rest)
	if err != nil {
		return nil, err
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if err := p.parseUser(rest[:at]); err != nil {
			return nil, err
		}
		rest = rest[at+1:]
	}
	if err := p.parseHost(rest); err != nil {
		return nil, err
	}
	return p.seal(), nil
}

func checkProxyText(raw string) error {
	if raw == "" {
		return &ProxyError{"it is empty", schemesHint}
	}
	if n := len([]rune(raw)); n > maxProxyURL {
		return &ProxyError{"it is " + strconv.Itoa(n) + " characters long", "use at most " + strconv.Itoa(maxProxyURL)}
	}
	for _, r := range raw {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return &ProxyError{"it holds a space or control character", "remove it; in a user name or password write a space as %20"}
		}
	}
	return nil
}

// cutTail removes a lone closing slash and refuses every other path, query or
// fragment, with a hint when it may be an unescaped character of a password.
func cutTail(rest string) (string, error) {
	i := strings.IndexAny(rest, "/?#\\")
	if i < 0 || rest[i:] == "/" {
		return strings.TrimSuffix(rest, "/"), nil
	}
	if strings.Contains(rest[i:], "@") {
		return "", &ProxyError{"the user name or password holds an unescaped " + strconv.Quote(rest[i:i+1]),
			"write / as %2F, ? as %3F, # as %23 and \\ as %5C"}
	}
	return "", &ProxyError{"something follows the host and port", "end the URL after host:port"}
}

func (p *Proxy) parseUser(info string) error {
	if strings.Contains(info, "@") {
		return &ProxyError{"the user name or password holds an unescaped @", "write @ as %40"}
	}
	rawName, rawPassword, hasPassword := strings.Cut(info, ":")
	name, err1 := url.PathUnescape(rawName)
	password, err2 := url.PathUnescape(rawPassword)
	if err1 != nil || err2 != nil {
		return &ProxyError{"the user name or password holds a % that starts no escape", "write % as %25"}
	}
	if strings.ContainsFunc(name+password, unicode.IsControl) {
		return &ProxyError{"the user name or password holds a control character", "remove it"}
	}
	if name == "" && password == "" {
		return &ProxyError{"there is an @ but neither user name nor password", "remove the @ or write user:password@"}
	}
	if err := p.checkUser(name, password, hasPassword); err != nil {
		return err
	}
	p.credentials = func() (string, string) { return name, password }
	return nil
}

// checkUser refuses credentials that the scheme's protocol cannot carry.
func (p *Proxy) checkUser(name, password string, hasPassword bool) error {
	switch p.scheme {
	case "http", "https":
		if strings.Contains(name, ":") {
			return &ProxyError{"a user name with a colon cannot be sent to an HTTP proxy", "use another user name (RFC 7617)"}
		}
	case "socks4", "socks4a":
		if hasPassword {
			return &ProxyError{"SOCKS4 knows no password", "use socks5"}
		}
	case "socks5", "socks5h":
		if name == "" || len(name) > 255 || len(password) > 255 {
			return &ProxyError{"a SOCKS5 user name has 1 to 255 bytes and its password at most 255", "shorten it, or give both (RFC 1929)"}
		}
	}
	return nil
}

func (p *Proxy) parseHost(hostport string) error {
	var (
		host, port string
		hasPort    bool
	)
	if strings.HasPrefix(hostport, "[") {
		literal, after, ok := strings.Cut(hostport[1:], "]")
		if host, ok = ipv6Literal(literal, ok); !ok {
			return &ProxyError{"what stands in brackets is no IPv6 address", "write [::1]:1080, or a name or IPv4 address without brackets"}
		}
		if port, hasPort = strings.CutPrefix(after, ":"); !hasPort && after != "" {
			return &ProxyError{"something other than a port follows ]", "write [::1]:1080"}
		}
	} else {
		if host, port, hasPort = strings.Cut(hostport, ":"); strings.Contains(port, ":") {
			return &ProxyError{"the host and port hold more than one colon", "write host:port, and an IPv6 address in brackets: [::1]:1080"}
		}
		if err := checkHost(host); err != nil {
			return err
		}
		host = strings.ToLower(host)
	}
	p.host = host
	if !hasPort {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return &ProxyError{"the port is not a number from 1 to 65535", "write host:port, as in 10.0.0.2:1080, or leave the colon out"}
	}
	p.port = strconv.FormatUint(n, 10)
	return nil
}

// ipv6Literal reads what stands between closed brackets: an IPv6 address, perhaps
// with a zone behind a % or, as in URLs, a %25. The zone keeps its case: it is the
// name of an interface.
func ipv6Literal(literal string, closed bool) (host string, ok bool) {
	literal, zone, scoped := strings.Cut(literal, "%")
	addr, err := netip.ParseAddr(literal)
	if !closed || err != nil || !addr.Is6() {
		return "", false
	}
	host = strings.ToLower(literal)
	if !scoped {
		return host, true
	}
	zone = strings.TrimPrefix(zone, "25")
	return host + "%" + zone, zone != "" && checkHost(zone) == nil
}

// checkHost accepts an IPv4 address or a name of letters, digits, dots, hyphens and
// underscores; international names stand in their ASCII form.
func checkHost(host string) error {
	if host == "" {
		return &ProxyError{"no host", "write scheme://host:port"}
	}
	for _, r := range host {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !letter && r != '.' && r != '-' && r != '_' {
			return &ProxyError{"the host holds a character that no host name has",
				"write an IP address or a name of letters, digits, dots and hyphens (international names in punycode)"}
		}
	}
	return nil
}
