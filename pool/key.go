package pool

import (
	"fmt"
	"io"
)

// Key says which requests may share an agent: those with equal keys.
// It is comparable. Printing it, with any verb or as JSON, leaves out the route.
type Key struct {
	Scheme  string // of the endpoint: http or https
	Host    string // of the endpoint, with its port: api.openai.com:443
	Route   string `json:"-"` // the proxy's fingerprint, credentials included; "": direct. Never logged
	HTTP2   bool   // HTTP/2 is offered to the endpoint
	Variant uint64 // tells apart users with other TLS settings, dialers or connection settings
}

// Origin is the endpoint without the route: https://api.openai.com:443.
func (k Key) Origin() string { return k.Scheme + "://" + k.Host }

// String is the origin, how it is reached and whether HTTP/2 is offered.
func (k Key) String() string {
	s := k.Origin()
	if k.Route != "" {
		s += " through a proxy"
	}
	if k.HTTP2 {
		s += " (h2)"
	}
	return s
}

// Format prints String for every verb, so that none shows the route.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }
