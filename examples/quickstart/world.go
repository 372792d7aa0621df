package main

import (
	"crypto/tls"
	"errors"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/sdks"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// world are the fake providers and proxies of the tour, on loopback.
type world struct {
	ca     *transporttest.CA
	places []place
	socks  *transporttest.Proxy // works, asks for a password
	dead   *transporttest.Proxy // refuses connections
}

// place is a fake provider behind a real server.
type place struct {
	name     string
	official *provider.Provider
	path     string // of the base URL
	server   *transporttest.Server
}

// The accounts of each provider are one of each kind. What their keys are tells the
// fake how to answer.
const (
	keyDead     = "key-of-the-account-behind-a-dead-proxy"
	keyLimited  = "key-of-the-rate-limited-account"
	keyFailing  = "key-of-the-account-that-gets-500"
	keySocks    = "key-of-the-account-behind-socks5"
	keyFallback = "key-of-the-account-that-goes-direct"
)

func newWorld() (*world, error) {
	w := &world{}
	var err error
	if w.ca, err = transporttest.NewCA(); err != nil {
		return nil, err
	}
	w.dead, err = transporttest.NewProxy(transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	if err == nil {
		w.socks, err = transporttest.NewProxy(transporttest.ProxyConfig{Scheme: "socks5", User: "team", Password: "s3cret"})
	}
	keys := []string{keyDead, keyLimited, keyFailing, keySocks, keyFallback}
	for _, p := range []struct {
		official *provider.Provider
		path     string
		fake     *providertest.Fake
	}{
		{provider.OpenAI, "/v1", providertest.OpenAI(providertest.Config{Name: "fake OpenAI", Keys: keys})},
		{provider.Anthropic, "", providertest.Anthropic(providertest.Config{Name: "fake Anthropic", Keys: keys})},
		{provider.Gemini, "", providertest.Gemini(providertest.Config{Name: "fake Gemini", Keys: keys})},
	} {
		if err != nil {
			break
		}
		p.fake.AlwaysFor(keyLimited, providertest.RateLimited(20*time.Second))
		p.fake.AlwaysFor(keyFailing, providertest.ServerError())
		var server *transporttest.Server
		server, err = transporttest.NewServer(transporttest.ServerConfig{Handler: p.fake, CA: w.ca, HTTP2: true})
		if err == nil {
			w.places = append(w.places, place{name: p.official.Name, official: p.official, path: p.path, server: server})
		}
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// config are five accounts at each provider, three of which cannot serve anybody.
func (w *world) config() balancer.Config {
	var accounts []balancer.Account
	for _, p := range w.places {
		at := p.official.At(p.name, p.server.URL()+p.path)
		accounts = append(accounts,
			balancer.Account{Name: p.name + "-dead-proxy", Provider: at, Secret: keyDead, Priority: 1, Groups: []string{viaSocks, viaFallback}, Proxy: w.dead.URL()},
			balancer.Account{Name: p.name + "-limited", Provider: at, Secret: keyLimited, Priority: 2, Groups: []string{viaSocks, viaFallback}},
			balancer.Account{Name: p.name + "-failing", Provider: at, Secret: keyFailing, Priority: 3, Groups: []string{viaSocks, viaFallback}},
			balancer.Account{Name: p.name + "-socks", Provider: at, Secret: keySocks, Priority: 4, Groups: []string{viaSocks}, Proxy: w.socks.URL()},
			balancer.Account{Name: p.name + "-fallback", Provider: at, Secret: keyFallback, Priority: 4, Groups: []string{viaFallback}, Proxy: w.dead.URL(), FallbackToDirect: true},
		)
	}
	return balancer.Config{
		Accounts:    accounts,
		MaxAttempts: 5,
		Transport:   transport.Config{TLS: &tls.Config{RootCAs: w.ca.Pool(), MinVersion: tls.VersionTLS12}},
	}
}

// The groups by which the calls ask for the last account of their way.
const (
	viaSocks    = "via-socks"
	viaFallback = "via-fallback"
)

// group sends the streamed calls around the dead proxy and the others through the
// living one.
func (w *world) group(c sdks.Call) string {
	if c.Streamed {
		return viaFallback
	}
	return viaSocks
}

// open counts the connections that anybody still holds open here.
func (w *world) open() int {
	n := w.socks.Open() + w.dead.Open()
	for _, p := range w.places {
		n += p.server.Open()
	}
	return n
}

func (w *world) close() error {
	var errs []error
	for _, p := range w.places {
		errs = append(errs, p.server.Close())
	}
	for _, p := range []*transporttest.Proxy{w.socks, w.dead} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	return errors.Join(errs...)
}
