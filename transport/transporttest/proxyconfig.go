package transporttest

import (
	"context"
	"net"
)

// ProxyConfig says what kind of Proxy to start. The zero value is an HTTP proxy
// that asks nobody for a password and works.
type ProxyConfig struct {
	// Scheme is "http", "https", "socks5" or "socks4"; "socks5h" and "socks4a"
	// are the same as those two and differ in the URL only. "": "http".
	Scheme string

	// User and Password are what clients have to present. Both empty: nobody is
	// asked. SOCKS4 knows no password: User is compared with USERID.
	User, Password string

	CA       *CA  // issues the certificate of an https proxy, which needs it
	ClientCA *CA  // https: not nil: clients must present a certificate of this authority
	HTTP2    bool // https: prefers h2 by ALPN, and hangs up on a client that lets it: proxies speak HTTP/1.1

	Fault Fault // the first fault; zero: works

	// Dial reaches targets: addr is host:port as the client asked for it. The
	// context ends when the client leaves while it is called, and on Close; the
	// connection belongs to the proxy. It may be called by several goroutines at
	// once. nil: a net.Dialer. A Dial of its own lets a test send
	// api.openai.com:443 to a fake.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}
