package config

import (
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/transport"
)

// OrNone is a duration as the library wants it: what is 0s in a File is none there, which
// is negative here.
func OrNone(d resource.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return time.Duration(d)
}

// Transport is how accounts are reached, but for their proxies.
func (f *File) Transport() transport.Config {
	return transport.Config{
		ConnectTimeout:  OrNone(f.Timeouts.Connect),
		HeaderTimeout:   OrNone(f.Timeouts.Header),
		BodyIdleTimeout: OrNone(f.Timeouts.BodyIdle),
	}
}

// Checks are the health checks.
func (f *File) Checks() balancer.HealthChecks {
	h := f.HealthChecks
	if !h.Enabled {
		return balancer.HealthChecks{}
	}
	out := balancer.HealthChecks{
		Enabled: true, Interval: time.Duration(h.Interval), Concurrency: h.Concurrency,
		Timeout: time.Duration(h.Timeout), DisableAfter: h.DisableAfter, All: h.All,
	}
	if out.DisableAfter == 0 {
		out.DisableAfter = -1
	}
	return out
}

// Least is the least level that is logged.
func (l Log) Least() slog.Level {
	switch l.Level {
	case "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}

// DotEnv is what .env alone says of a variable; "": nothing.
func (f *File) DotEnv(name string) string {
	if f.dotEnv == nil {
		return ""
	}
	value, _ := f.dotEnv(name)
	return value
}

// ExportProxies puts the proxies that .env names into the environment of the process,
// for proxy_url: env, but for those that stand there already. It is for main, before
// anything else runs.
func (f *File) ExportProxies() error {
	if f.dotEnv == nil {
		return nil
	}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"} {
		for _, name := range []string{name, strings.ToLower(name)} {
			v, ok := f.dotEnv(name)
			if _, set := os.LookupEnv(name); !ok || set {
				continue
			}
			if err := os.Setenv(name, v); err != nil {
				return err
			}
		}
	}
	return nil
}
