package config

import (
	"net/netip"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider"
)

// File is a configuration. Make one by Load or Default: where a field says 0s or 0,
// that is what is written, and not a default. However it is printed, no secret shows
// but what stands in the accounts' own proxy URLs.
type File struct {
	Listen   string          `yaml:"listen"`   // host:port to serve on; port 0: any free one
	DataDir  string          `yaml:"data_dir"` // where the SQLite file, the master key and what could not be written in time are kept
	Database resource.Secret `yaml:"database"` // empty: SQLite in DataDir; a path or sqlite:path; postgres://…; mysql:// or mariadb://…
	Redis    resource.Secret `yaml:"redis"`    // redis://… or rediss://…: shares quota, health and affinity; "": none

	MasterKey  resource.Secret `yaml:"master_key"`  // 32 bytes in hex or base64 that encrypt accounts' secrets; "": of a file in DataDir, made at the first start
	AdminToken resource.Secret `yaml:"admin_token"` // of the admin API; "": made at the first start and printed once

	Proxy                 resource.Secret     `yaml:"proxy_url"`                // of all accounts that say nothing themselves; "" or direct: none; env: as the environment says
	ProxyFallbackToDirect bool                `yaml:"proxy_fallback_to_direct"` // go direct when a proxy cannot be got past
	Providers             map[string]Provider `yaml:"providers"`                // by name of the catalogue: goes before the two above

	SessionTTL     resource.Duration `yaml:"session_ttl"`     // how long a session stays with its account after its last request; 0s: sessions mean nothing
	ConcurrencyTTL resource.Duration `yaml:"concurrency_ttl"` // how long what a gateway that died had in flight counts; at least twice the longest of the time-outs towards providers
	UnavailableTTL resource.Duration `yaml:"unavailable_ttl"` // an account's first rest after failures; doubled each time

	Timeouts    Timeouts `yaml:"timeouts"`
	MaxAttempts int      `yaml:"max_attempts"` // accounts that are tried for one request
	Limits      Limits   `yaml:"limits"`

	ClientFilter   ClientFilter   `yaml:"client_filter"`
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`  // whose X-Forwarded-For is believed: addresses or networks; none: nobody's
	AllowLinkLocal bool           `yaml:"allow_link_local"` // accounts and proxies at link-local and metadata addresses

	HealthChecks HealthChecks `yaml:"health_checks"`
	Log          Log          `yaml:"log"`
	Retention    Retention    `yaml:"retention"`
	Prices       Prices       `yaml:"prices"`
	Quota        Quota        `yaml:"quota"`

	Accounts []resource.Account `yaml:"accounts"` // beside those of the admin API, which cannot change them
	Keys     []Key              `yaml:"keys"`     // the same

	table    *provider.PriceTable
	warnings []Problem
	path     string         // as Load was given it
	lines    map[string]int // of each field that stands in it
	dotEnv   lookup         // of .env alone; a func shows in no format
}

// Provider is what holds for all accounts at one provider.
type Provider struct {
	Proxy                 resource.Secret `yaml:"proxy_url"`                // "": as File.Proxy; direct; env; or a URL
	ProxyFallbackToDirect *bool           `yaml:"proxy_fallback_to_direct"` // nil: as File.ProxyFallbackToDirect
}

// Timeouts end what takes too long. 0s is no limit, where that is allowed.
type Timeouts struct {
	Connect   resource.Duration `yaml:"connect"`    // name look-up, connection, proxy and TLS together
	Header    resource.Duration `yaml:"header"`     // from a request's last byte to the head of the provider's answer
	BodyIdle  resource.Duration `yaml:"body_idle"`  // between two pieces of the provider's answer
	FirstByte resource.Duration `yaml:"first_byte"` // until a stream brings its first byte; then another account is asked
	Deadline  resource.Duration `yaml:"deadline"`   // for all attempts together, until an answer begins
	Wait      resource.Duration `yaml:"wait"`       // in line, while all accounts are full or rest; 0s: not at all

	RequestHeader resource.Duration `yaml:"request_header"` // for a client to send the head of its request; above 0s
	RequestBody   resource.Duration `yaml:"request_body"`   // between two pieces of a client's request; above 0s
	Write         resource.Duration `yaml:"write"`          // for a client to take a piece of an answer; 0s: no limit
	Idle          resource.Duration `yaml:"idle"`           // for a client's connection between two requests; above 0s
	Shutdown      resource.Duration `yaml:"shutdown"`       // for requests under way when the gateway is told to end; 0s: they are cut
}

// Limits are how large requests may be.
type Limits struct {
	Body   Size `yaml:"body"`   // of JSON
	Upload Size `yaml:"upload"` // of files and forms
	Header Size `yaml:"header"` // of a request's head, all fields together
}

// ClientFilter tells which programs may use the gateway. Enabled without clients, it
// refuses all.
type ClientFilter struct {
	Enabled bool     `yaml:"filter_enabled"`
	Clients []Client `yaml:"clients"`
}

// Kinds of Client.
const (
	ClientClaudeCode       = "claude-code"        // User-Agent claude-cli/<version>
	ClientClaudeCodeStrict = "claude-code-strict" // that, its header fields and its system prompt
	ClientCustom           = "custom"             // what the other fields of Client say
)

// Client is a kind of program. All that a custom one says has to hold.
type Client struct {
	Type       string   `yaml:"type"`        // ClientClaudeCode, ClientClaudeCodeStrict or ClientCustom
	Name       string   `yaml:"name"`        // of a custom one, for people
	UserAgents []string `yaml:"user_agents"` // custom: how the User-Agent begins, one of them; a digit follows
	Headers    []string `yaml:"headers"`     // custom: header fields that have to be there
	System     []string `yaml:"system"`      // custom: how the system prompt begins, one of them
}

// HealthChecks asks accounts how they are that no request tells about; see
// balancer.HealthChecks.
type HealthChecks struct {
	Enabled      bool              `yaml:"enabled"`
	Interval     resource.Duration `yaml:"interval"`      // between two checks of an account; at least 1s
	Concurrency  int               `yaml:"concurrency"`   // accounts that are asked at the same time
	Timeout      resource.Duration `yaml:"timeout"`       // for all that one account is asked
	DisableAfter int               `yaml:"disable_after"` // errors in a row before a check disables an account; 0: never
	All          bool              `yaml:"all"`           // ask accounts that have traffic, too
}

// Log is what is written where.
type Log struct {
	Level string `yaml:"level"` // debug, info, warn or error
	Dir   string `yaml:"dir"`   // "": to stdout; a folder: files of package logfile there
}

// Retention is how long things are kept.
type Retention struct {
	RequestLogs resource.Duration `yaml:"request_logs"` // records of requests; 0s: for ever
	LogFiles    resource.Duration `yaml:"log_files"`    // files in Log.Dir of past days; 0s: for ever
}

// Prices are what models cost.
type Prices struct {
	Starter bool                `yaml:"starter"` // begin with the library's table
	File    string              `yaml:"file"`    // JSON, as provider.ParsePriceTable reads it; goes before Starter
	Rows    []provider.PriceRow `yaml:"rows"`    // the same members; go before both
}

// Places where Quota counts.
const (
	QuotaAuto     = "auto" // Redis if there is one, else PostgreSQL or MySQL if there is one, else memory
	QuotaMemory   = "memory"
	QuotaDatabase = "database"
	QuotaRedis    = "redis"
)

// What Quota does while its store is broken.
const (
	BrokenClosed = "closed" // requests under limits are refused
	BrokenOpen   = "open"   // they are counted in memory
)

// Quota is where limits are counted.
type Quota struct {
	Store      string `yaml:"store"`       // QuotaAuto, QuotaMemory, QuotaDatabase or QuotaRedis
	WhenBroken string `yaml:"when_broken"` // BrokenClosed or BrokenOpen
}

// Key is who may call the gateway.
type Key struct {
	resource.Key `yaml:",inline"`
	Secret       resource.Secret `yaml:"secret"` // what clients send; at least 16 characters
}
