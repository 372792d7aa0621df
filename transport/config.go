package transport

import (
	"crypto/tls"
	"log/slog"
	"net/url"
	"time"

	"golang.org/x/net/proxy"

	"github.com/aitransport/aitransport/pool"
)

// Config sets up a [Transport]. Its zero value reaches endpoints directly. A
// negative duration means none. New copies it; what it points to must not be
// changed afterwards.
type Config struct {
	Proxy       *Proxy      // for all requests; nil: ProxyFunc decides, or if that is nil ProxySource; all nil: direct
	ProxyFunc   ProxyFunc   // decides for each URL; a nil proxy from it is direct
	ProxySource ProxySource // decides with a context, and again after a failure
	NoProxy     string      // hosts that are reached directly, in NO_PROXY syntax, on top of the above; does not by itself make loopback direct

	FallbackToDirect bool // go direct when the proxy cannot be got past; false: never
	// FallbackOn tells which failures that is, by phase, code and kind; nil:
	// DefaultFallback. Others match words in messages, and so miss a SOCKS reply, a
	// reset or a time-out that is worded differently, and take an endpoint's error for
	// the proxy's. Nothing that may have been sent is sent again, whatever it says.
	FallbackOn     func(*Error) bool
	FallbackMemory time.Duration // how long a proxy, or an origin that it did not lead to, is gone around at once; 0: 30 s

	HTTP2           HTTP2Mode     // zero: HTTP2Auto
	ConnectTimeout  time.Duration // one budget for DNS, dial, proxy handshake and TLS; 0: 30 s
	HeaderTimeout   time.Duration // from the request's last byte to the answer's headers; 0: 600 s
	BodyIdleTimeout time.Duration // for one read of an answer's body, and for an upload to get on; 0: 600 s. Once it ended a body, every later Read reports it

	TLS      *tls.Config         // for the endpoint: private roots, client certificates; nil: system roots; cloned, never changed
	ProxyTLS *tls.Config         // for an https proxy; nil: system roots; never mixed with TLS
	Dialer   proxy.ContextDialer // beneath the proxy; nil: net.Dialer

	ConnectHeader ConnectHeader      // fields of CONNECT requests; nil: none. A Config with one shares its connections with no other
	Decoders      map[string]Decoder // content codings beside gzip and deflate, such as br and zstd: see Decode

	Pool       *pool.Pool   // keeps the connections; nil: one of the Transport's own
	Retries    int          // how often a request that was never sent is sent again; 0: 1; negative: none
	Logger     *slog.Logger // nil: silent
	ProviderID string       // whom the requests are for: providerId in log lines; "": left out. A balancer takes the provider's name, and adds the account's as account
}

// MarshalText is how endpoints are reached, for JSON and its like: most of the rest is
// funcs and pointers. It holds no secret, and nothing reads it back.
func (c Config) MarshalText() ([]byte, error) {
	way := "direct"
	switch {
	case c.Proxy != nil:
		way = c.Proxy.String()
	case c.ProxyFunc != nil:
		way = "as ProxyFunc says"
	case c.ProxySource != nil:
		way = "as ProxySource says"
	}
	if c.FallbackToDirect {
		way += ", or direct"
	}
	return []byte("transport.Config: " + way + ", HTTP/2 " + c.HTTP2.String()), nil
}

// ProxyFunc chooses the proxy for a URL; nil, nil means direct. An error fails the
// request: nothing goes direct because a choice failed. It may be called
// concurrently.
type ProxyFunc func(*url.URL) (*Proxy, error)

// HTTP2Mode says when HTTP/2 is offered to https endpoints. It is never offered to
// a proxy.
type HTTP2Mode uint8

// The modes.
const (
	HTTP2Auto   HTTP2Mode = iota // when the endpoint offers it, except over SOCKS
	HTTP2Always                  // over SOCKS too
	HTTP2Never                   // HTTP/1.1 only
)

// String is "auto", "always" or "never".
func (m HTTP2Mode) String() string {
	switch m {
	case HTTP2Always:
		return "always"
	case HTTP2Never:
		return "never"
	default:
		return "auto"
	}
}
