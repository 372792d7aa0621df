package transport

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// FromEnvironment reads HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in upper
// or lower case (upper case wins where both are set), once. HTTPS_PROXY is for
// https endpoints, HTTP_PROXY for http ones, ALL_PROXY for both where the other is
// not set. Loopback endpoints are reached directly. A value that is no proxy URL is
// an error that names the variable; it never means "direct".
//
// HTTP_PROXY in upper case is not trusted in a CGI program (REQUEST_METHOD is set),
// where a client could have set it.
func FromEnvironment() (ProxyFunc, error) {
	byScheme := make(map[string]*Proxy, 2)
	for _, scheme := range []string{"http", "https"} {
		p, err := proxyVariable(strings.ToUpper(scheme) + "_PROXY")
		if p == nil && err == nil {
			p, err = proxyVariable("ALL_PROXY")
		}
		if err != nil {
			return nil, err
		}
		byScheme[scheme] = p
	}
	direct, err := newNoProxy(variable("NO_PROXY"))
	if err != nil {
		return nil, err
	}
	return func(u *url.URL) (*Proxy, error) {
		u = plain(u)
		p := byScheme[u.Scheme]
		if p == nil || isLoopback(u.Hostname()) || direct.direct(u) {
			return nil, nil
		}
		return p, nil
	}, nil
}

func proxyVariable(name string) (*Proxy, error) {
	name, value := variable(name)
	if value == "" {
		return nil, nil
	}
	if name == "HTTP_PROXY" && inCGI() {
		return nil, errors.New("transport: HTTP_PROXY is set in a CGI program, where clients can set it: use http_proxy")
	}
	p, err := ParseProxy(value)
	if err != nil {
		return nil, fmt.Errorf("transport: environment variable %s: %w", name, err)
	}
	return p, nil
}

// variable is the value of a variable, and its name in the case in which it is set.
func variable(name string) (found, value string) {
	lower := strings.ToLower(name)
	names := []string{name, lower}
	if name == "HTTP_PROXY" && inCGI() { // the trusted one first
		names = []string{lower, name}
	}
	for _, n := range names {
		if v := os.Getenv(n); v != "" {
			return n, v
		}
	}
	return name, ""
}

func inCGI() bool { return os.Getenv("REQUEST_METHOD") != "" }

// proxyFunc is how a Config chooses its proxy.
func (c *Config) proxyFunc() (ProxyFunc, error) {
	choose := c.ProxyFunc
	if fixed := c.Proxy; fixed != nil {
		choose = func(*url.URL) (*Proxy, error) { return fixed, nil }
	}
	direct, err := newNoProxy("Config.NoProxy", c.NoProxy)
	switch {
	case err != nil:
		return nil, err
	case choose == nil:
		return func(*url.URL) (*Proxy, error) { return nil, nil }, nil
	case c.NoProxy == "":
		return choose, nil
	}
	return func(u *url.URL) (*Proxy, error) {
		if direct.direct(u) {
			return nil, nil
		}
		return choose(u)
	}, nil
}

// proxySource is the Config's ProxySource, if it is what decides.
func (c *Config) proxySource() (ProxySource, error) {
	if c.ProxySource == nil || c.Proxy != nil || c.ProxyFunc != nil {
		return nil, nil
	}
	if c.NoProxy == "" {
		return c.ProxySource, nil
	}
	direct, err := newNoProxy("Config.NoProxy", c.NoProxy)
	if err != nil {
		return nil, err
	}
	return &exceptSource{c.ProxySource, direct}, nil
}

// exceptSource is a source that some hosts are kept from.
type exceptSource struct {
	ProxySource
	direct *noProxy
}

// Next is nil for a host that is reached directly.
func (s *exceptSource) Next(ctx context.Context, u *url.URL, tried []*Proxy) (*Proxy, error) {
	if s.direct.direct(u) {
		return nil, nil
	}
	return s.ProxySource.Next(ctx, u, tried)
}

// Report passes the outcome on to a source that wants it.
func (s *exceptSource) Report(p *Proxy, failure *Error) {
	if r, ok := s.ProxySource.(ProxyReporter); ok {
		r.Report(p, failure)
	}
}
