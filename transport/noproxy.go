package transport

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// placeholder stands for any proxy in questions to httpproxy, which then answers
// whether one is to be used.
const placeholder = "http://proxy.invalid"

// noProxy decides which URLs are reached directly.
type noProxy struct {
	all      func(*url.URL) (*url.URL, error) // nil result: direct
	loopback []string                         // the entries, asked for loopback hosts only
}

// newNoProxy reads a list in NO_PROXY syntax; name is what the list is called in
// an error, which shows nothing of an entry: one that is no host may hold a password.
func newNoProxy(name, list string) (*noProxy, error) {
	n := &noProxy{}
	for i, entry := range strings.Split(list, ",") {
		entry = strings.ToLower(strings.TrimSpace(entry))
		if strings.ContainsAny(entry, "@") || strings.Contains(entry, "://") {
			return nil, fmt.Errorf("transport: entry %d of %s is a URL: write the host alone, as in example.com or 10.0.0.0/8", i+1, name)
		}
		if entry != "" {
			n.loopback = append(n.loopback, withoutDot(entry))
		}
	}
	known := httpproxy.Config{HTTPProxy: placeholder, HTTPSProxy: placeholder, NoProxy: strings.Join(n.loopback, ",")}
	n.all = known.ProxyFunc()
	return n, nil
}

// withoutDot is an entry without the dot at the end of its name. Behind a star that
// would leave an entry for everything.
func withoutDot(entry string) string {
	name, port, hasPort := strings.Cut(entry, ":")
	if name != "*." {
		name = strings.TrimSuffix(name, ".")
	}
	if !hasPort {
		return name
	}
	return name + ":" + port
}

// direct tells whether a list names the URL's host. httpproxy takes every loopback
// host for named; here it must really be.
func (n *noProxy) direct(u *url.URL) bool {
	u = plain(u)
	if isLoopback(u.Hostname()) {
		return n.namesLoopback(u)
	}
	proxy, err := n.all(u)
	return proxy == nil && err == nil
}

// namesLoopback matches localhost by name, and addresses by what they mean, however
// they are written.
func (n *noProxy) namesLoopback(u *url.URL) bool {
	host, port, _ := net.SplitHostPort(hostPort(u))
	ip, _ := netip.ParseAddr(host)
	for _, entry := range n.loopback {
		if entry == "*" {
			return true
		}
		if _, network, err := net.ParseCIDR(entry); err == nil && network.Contains(ip.AsSlice()) {
			return true
		}
		name, wantPort := entry, ""
		if h, p, err := net.SplitHostPort(entry); err == nil {
			name, wantPort = h, p
		}
		name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
		named, _ := netip.ParseAddr(name)
		same := name == host
		if ip.IsValid() {
			same = named.IsValid() && named.Unmap() == ip.Unmap()
		}
		if same && (wantPort == "" || wantPort == port) {
			return true
		}
	}
	return false
}

// isLoopback tells what httpproxy holds for loopback.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// plain is the URL as the lists expect it: its scheme in lower case, and without
// the dot at the end of a fully qualified name. httpproxy has no proxy for a scheme
// in upper case, which would mean direct.
func plain(u *url.URL) *url.URL {
	scheme := strings.ToLower(u.Scheme)
	host, found := strings.CutSuffix(u.Hostname(), ".")
	if !found {
		return &url.URL{Scheme: scheme, Host: u.Host}
	}
	if port := u.Port(); port != "" {
		host = net.JoinHostPort(host, port)
	}
	return &url.URL{Scheme: scheme, Host: host}
}
