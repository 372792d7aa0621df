package transport

import (
	"context"
	"net"
	"net/url"
	"sync"

	"golang.org/x/net/proxy"
)

var registerSchemes sync.Once

// RegisterSchemes makes our dialers known to [proxy.FromURL] as http, https, socks4
// and socks4a; socks5 and socks5h are x/net's own there. x/net keeps its schemes in
// a map without a lock: call RegisterSchemes while the program starts, before
// anything asks for a proxy. It may be called more than once.
func RegisterSchemes() {
	registerSchemes.Do(func() {
		for _, scheme := range []string{"http", "https", "socks4", "socks4a"} {
			proxy.RegisterDialerType(scheme, fromURL)
		}
	})
}

// fromURL makes a dialer for x/net's registry. forward dials the proxy.
func fromURL(u *url.URL, forward proxy.Dialer) (proxy.Dialer, error) {
	p, err := ParseProxy(u.String())
	if err != nil {
		return nil, err
	}
	d := &Dialer{Proxy: p}
	switch f := forward.(type) {
	case nil:
	case proxy.ContextDialer:
		d.Base = f
	default:
		d.Base = &plainDialer{f}
	}
	return d, nil
}

// plainDialer is a dialer without a context as one with.
type plainDialer struct{ proxy.Dialer }

// DialContext dials and, when the context ends first, closes what comes late.
func (d *plainDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() { // ends with the dial: a dialer without a context cannot be stopped
		conn, err := d.Dial(network, addr)
		done <- result{conn, err}
	}()
	select {
	case r := <-done:
		return r.conn, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.conn != nil {
				_ = r.conn.Close()
			}
		}()
		return nil, contextError(ctx)
	}
}

// Dial is DialContext without a context; it makes Dialer a [proxy.Dialer].
func (d *Dialer) Dial(network, addr string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, addr)
}
