package config

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
)

// check says what in f makes no sense.
func (d *decoder) check(f *File) {
	d.checkPlaces(f)
	d.checkSecrets(f)
	d.proxy("proxy_url", f.Proxy.Reveal(), f.AllowLinkLocal)
	for _, name := range keysOf(f.Providers) {
		at := "providers"
		if isWord(name) {
			at += "." + name
		}
		d.providerName(at, name)
		d.proxy(at+".proxy_url", f.Providers[name].Proxy.Reveal(), f.AllowLinkLocal)
	}
	d.checkTimes(f)
	d.between("max_attempts", int64(f.MaxAttempts), 1, 100)
	d.between("limits.body", int64(f.Limits.Body), 1<<10, 1<<32)
	d.between("limits.upload", int64(f.Limits.Upload), int64(f.Limits.Body), 1<<40)
	d.between("limits.header", int64(f.Limits.Header), 4<<10, 4<<20)
	for i, c := range f.ClientFilter.Clients {
		d.checkClient(fmt.Sprintf("client_filter.clients[%d]", i), c)
	}
	d.between("health_checks.concurrency", int64(f.HealthChecks.Concurrency), 1, 1000)
	d.between("health_checks.disable_after", int64(f.HealthChecks.DisableAfter), 0, math.MaxInt32)
	d.oneOf("log.level", f.Log.Level, "debug", "info", "warn", "error")
	d.priceTable(f)
	d.checkQuota(f)
	d.checkAccounts(f)
	d.checkKeys(f.Keys)
}

func (d *decoder) checkPlaces(f *File) {
	if _, port, err := net.SplitHostPort(f.Listen); err != nil || !isPort(port) {
		d.fail("listen", "it is no address: write host:port, as in 127.0.0.1:8080, or :8080 for all addresses of the machine")
	}
	if f.DataDir == "" {
		d.fail("data_dir", "it is empty: write a folder, as in gateway-data")
	}
	if raw := f.Database.Reveal(); raw != "" {
		scheme, isURL := schemeOf(raw)
		u, err := url.Parse(raw)
		switch {
		case !isURL: // a path
		case !slices.Contains([]string{"postgres", "postgresql", "mysql", "mariadb"}, scheme):
			d.fail("database", "the gateway keeps nothing in such a database: write postgres://user:password@host/name, mysql://user:password@host/name, or the path of an SQLite file")
		case err != nil || u.Host == "" || strings.Trim(u.Path, "/") == "":
			d.fail("database", "it is no database's URL: write %s://user:password@host:port/name; signs such as @, / and %% in the password as %%40, %%2F and %%25", scheme)
		}
	}
	if raw := f.Redis.Reveal(); raw != "" {
		if u, err := url.Parse(raw); err != nil || u.Host == "" || u.Scheme != "redis" && u.Scheme != "rediss" {
			d.fail("redis", "it is no Redis URL: write redis://user:password@host:6379/0, or rediss:// for TLS")
		}
	}
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == s
}

func (d *decoder) checkSecrets(f *File) {
	if raw := f.MasterKey.Reveal(); raw != "" {
		if _, err := ParseMasterKey(raw); err != nil {
			d.fail("master_key", "%v", err)
		}
	}
	if raw := f.AdminToken.Reveal(); raw != "" {
		d.token("admin_token", raw)
	}
}

// token checks what clients will send in a header.
func (d *decoder) token(field, text string) {
	switch {
	case len(text) < 16:
		d.fail(field, "it is shorter than 16 characters: write one that cannot be guessed, as `openssl rand -hex 32` makes them")
	case len(text) > 512:
		d.fail(field, "it is longer than 512 characters: write a shorter one")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		d.fail(field, "a space, a line break or a sign beyond ASCII stands in it: write letters, digits, - and _")
	}
}

// proxy checks what a proxy_url says; empty, direct and env are always right.
func (d *decoder) proxy(field, raw string, linkLocal bool) {
	switch raw {
	case "", "direct":
	case "env":
		if _, err := transport.FromEnvironment(); err != nil {
			d.fail(field, "%v", err)
		}
	default:
		p, err := transport.ParseProxy(raw)
		if err != nil {
			d.fail(field, "it is no proxy: write direct, env, or a URL of at most 512 characters: http://user:password@host:port, or with https, socks4, socks4a, socks5 or socks5h; signs such as @, / and %% in the password as %%40, %%2F and %%25")
			return
		}
		if host, _, err := net.SplitHostPort(p.Addr()); err == nil && !linkLocal && isLinkLocal(host) {
			d.fail(field, "%s", noLinkLocal)
		}
	}
}

const noLinkLocal = "it is at a link-local or metadata address: write another, or allow_link_local: true if it is meant"

func (d *decoder) providerName(field, name string) {
	if _, ok := provider.Lookup(name); !ok {
		d.fail(field, "no provider of the catalogue has this name: %s", suggestion(name, provider.Names()))
	}
}

const year = 366 * 24 * time.Hour

func (d *decoder) checkTimes(f *File) {
	for _, t := range []struct {
		field        string
		value        resource.Duration
		least, most  time.Duration
		noneIsOrZero bool
	}{
		{"session_ttl", f.SessionTTL, time.Second, year, true},
		{"unavailable_ttl", f.UnavailableTTL, time.Second, 24 * time.Hour, false},
		{"timeouts.connect", f.Timeouts.Connect, time.Millisecond, 24 * time.Hour, true},
		{"timeouts.header", f.Timeouts.Header, time.Millisecond, 24 * time.Hour, true},
		{"timeouts.body_idle", f.Timeouts.BodyIdle, time.Millisecond, 24 * time.Hour, true},
		{"timeouts.first_byte", f.Timeouts.FirstByte, time.Millisecond, 24 * time.Hour, true},
		{"timeouts.deadline", f.Timeouts.Deadline, time.Millisecond, 24 * time.Hour, true},
		{"timeouts.wait", f.Timeouts.Wait, time.Millisecond, 24 * time.Hour, true},
		{"timeouts.request_header", f.Timeouts.RequestHeader, time.Millisecond, 24 * time.Hour, false},
		{"timeouts.request_body", f.Timeouts.RequestBody, time.Millisecond, 24 * time.Hour, false},
		{"timeouts.write", f.Timeouts.Write, time.Millisecond, 24 * time.Hour, true},
		{"timeouts.idle", f.Timeouts.Idle, time.Millisecond, 24 * time.Hour, false},
		{"timeouts.shutdown", f.Timeouts.Shutdown, time.Millisecond, 24 * time.Hour, true},
		{"health_checks.interval", f.HealthChecks.Interval, time.Second, year, false},
		{"health_checks.timeout", f.HealthChecks.Timeout, time.Millisecond, 24 * time.Hour, false},
		{"retention.request_logs", f.Retention.RequestLogs, time.Hour, 100 * year, true},
		{"retention.log_files", f.Retention.LogFiles, 24 * time.Hour, 100 * year, true},
	} {
		d.duration(t.field, t.value, t.least, t.most, t.noneIsOrZero)
	}
	d.concurrency(f)
}

// concurrency checks that what is in flight outlasts what may be silent, and sees to it
// where nobody said how long.
func (d *decoder) concurrency(f *File) {
	least := max(15*time.Minute, 2*time.Duration(max(f.Timeouts.Connect, f.Timeouts.Header, f.Timeouts.BodyIdle)))
	if _, said := d.lines["concurrency_ttl"]; !said {
		f.ConcurrencyTTL = max(f.ConcurrencyTTL, resource.Duration(least))
		return
	}
	if time.Duration(f.ConcurrencyTTL) < least || time.Duration(f.ConcurrencyTTL) > 7*24*time.Hour {
		d.fail("concurrency_ttl", "write from %v (twice the longest of timeouts.connect, header and body_idle, and 15m) to 168h, or remove it", least)
	}
}

func (d *decoder) duration(field string, value resource.Duration, least, most time.Duration, orZero bool) {
	v := time.Duration(value)
	switch {
	case v == 0 && orZero, v >= least && v <= most:
	case orZero:
		d.fail(field, "write 0s for none, or from %v to %v", resource.Duration(least), resource.Duration(most))
	default:
		d.fail(field, "write from %v to %v", resource.Duration(least), resource.Duration(most))
	}
}

func (d *decoder) between(field string, value, least, most int64) {
	if value < least || value > most {
		d.fail(field, "write from %d to %d", least, most)
	}
}

func (d *decoder) oneOf(field, value string, names ...string) {
	if !slices.Contains(names, value) {
		d.fail(field, "it is none that is known: %s", suggestion(value, names))
	}
}

func (d *decoder) checkClient(at string, c Client) {
	d.oneOf(at+".type", c.Type, ClientClaudeCode, ClientClaudeCodeStrict, ClientCustom)
	says := c.Name != "" || len(c.UserAgents)+len(c.Headers)+len(c.System) > 0
	switch {
	case c.Type == ClientCustom && len(c.UserAgents)+len(c.Headers)+len(c.System) == 0:
		d.fail(at, "a custom client that says nothing is every program: write user_agents, headers or system")
	case c.Type != ClientCustom && says:
		d.fail(at, "name, user_agents, headers and system are for type: custom: remove them, or write that type")
	}
	for i, name := range c.Headers {
		d.headerName(fmt.Sprintf("%s.headers[%d]", at, i), name)
	}
	for field, texts := range map[string][]string{"user_agents": c.UserAgents, "system": c.System} {
		for i, text := range texts {
			if text == "" {
				d.fail(fmt.Sprintf("%s.%s[%d]", at, field, i), "every program begins so: write a text, or remove it")
			}
		}
	}
}

func (d *decoder) headerName(field, name string) {
	if name == "" || len(name) > 100 || strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	}) {
		d.fail(field, "a header field has no such name: write letters, digits and -, as in X-Team")
	}
	switch http.CanonicalHeaderKey(name) {
	case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Trailer", "Upgrade":
		d.fail(field, "HTTP itself sets Host, Content-Length, Transfer-Encoding, Connection, Trailer and Upgrade: remove it")
	}
}

func (d *decoder) checkQuota(f *File) {
	d.oneOf("quota.store", f.Quota.Store, QuotaAuto, QuotaMemory, QuotaDatabase, QuotaRedis)
	d.oneOf("quota.when_broken", f.Quota.WhenBroken, BrokenClosed, BrokenOpen)
	switch {
	case f.Quota.Store == QuotaRedis && f.Redis.IsZero():
		d.fail("quota.store", "there is no redis: write its URL there, or auto here")
	case f.Quota.Store == QuotaDatabase && !f.SharedDatabase():
		d.fail("quota.store", "an SQLite file is one gateway's own, whose memory counts faster: write auto, or a PostgreSQL or MySQL URL as database")
	}
}

// SharedDatabase tells whether Database is one that several gateways can use.
func (f *File) SharedDatabase() bool {
	_, isURL := schemeOf(f.Database.Reveal())
	return isURL
}

// schemeOf is that of a database's URL. SQLite's are paths, however they are written.
func schemeOf(raw string) (scheme string, isURL bool) {
	scheme, _, isURL = strings.Cut(raw, "://")
	return scheme, isURL && scheme != "sqlite" && scheme != "file"
}

// DatabaseURL is Database, or the SQLite file in DataDir.
func (f *File) DatabaseURL() resource.Secret {
	if f.Database.IsZero() {
		return resource.NewSecret(filepath.Join(f.DataDir, "gateway.db"))
	}
	return f.Database
}
