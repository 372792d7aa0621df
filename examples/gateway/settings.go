package main

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/config"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/examples/gateway/store"
)

// storeConfig is what a configuration says of the database.
func storeConfig(f *config.File, key []byte, log *slog.Logger) store.Config {
	return store.Config{
		URL: f.DatabaseURL().Reveal(), Key: key, Logger: log,
		Retention: config.OrNone(f.Retention.RequestLogs), SpoolDir: f.DataDir,
	}
}

// serverConfig is what a configuration says of the path, but for the stores.
func serverConfig(f *config.File, log *slog.Logger) server.Config {
	c := server.Config{
		Accounts: f.Accounts,
		Prices:   f.PriceTable(), Transport: f.Transport(),
		Proxy: f.Proxy.Reveal(), ProxyFallbackToDirect: f.ProxyFallbackToDirect,
		Providers:  make(map[string]server.ProviderSettings, len(f.Providers)),
		SessionTTL: config.OrNone(f.SessionTTL), ConcurrencyTTL: time.Duration(f.ConcurrencyTTL), UnavailableTTL: time.Duration(f.UnavailableTTL),
		MaxAttempts: f.MaxAttempts, MaxWait: time.Duration(f.Timeouts.Wait), Deadline: time.Duration(f.Timeouts.Deadline),
		FirstByteTimeout: config.OrNone(f.Timeouts.FirstByte),
		MaxBody:          int64(f.Limits.Body), MaxUpload: int64(f.Limits.Upload), MaxHeader: int(f.Limits.Header), BodyTimeout: time.Duration(f.Timeouts.RequestBody), WriteTimeout: config.OrNone(f.Timeouts.Write),
		Clients:        server.ClientFilter{Enabled: f.ClientFilter.Enabled},
		TrustedProxies: f.TrustedProxies, AllowLinkLocal: f.AllowLinkLocal,
		HealthChecks: f.Checks(), Logger: log,
	}
	c.Keys = make([]resource.Key, len(f.Keys))
	for i, k := range f.Keys {
		c.Keys[i] = k.Key
	}
	for name, p := range f.Providers {
		c.Providers[strings.ToLower(name)] = server.ProviderSettings{Proxy: p.Proxy.Reveal(), ProxyFallbackToDirect: p.ProxyFallbackToDirect}
	}
	for _, t := range f.ClientFilter.Clients {
		if t.Type != config.ClientCustom {
			c.Clients.Types = append(c.Clients.Types, server.ClientType{Name: t.Type})
			continue
		}
		c.Clients.Types = append(c.Clients.Types, server.ClientType{Name: t.Name, UserAgents: t.UserAgents, Headers: t.Headers, System: t.System})
	}
	return c
}

// split gives the admin API its paths and the gateway all others, as they came: a mux
// would redirect what is not clean.
type split struct{ admin, gateway http.Handler }

func (h split) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/admin/v1/") {
		h.admin.ServeHTTP(w, r)
		return
	}
	h.gateway.ServeHTTP(w, r)
}
