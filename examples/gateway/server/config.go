package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// ErrUnauthorized is the error of an Authenticate that knows nobody by the request's
// credential. The client is told 401.
var ErrUnauthorized = errors.New("unauthorized")

// Config sets up a Server. Only Store is required. New copies it; what it points to must
// not be changed afterwards.
type Config struct {
	Store Store // what is kept: accounts, keys, records

	// Authenticate says who calls. It may be called by any number of goroutines, and reads
	// no body. A Key with limits has an ID, by which they are counted. Nil: the request's
	// credential, by Keys and Store.Key. An error that is a
	// *dialect.Problem is told as it is, ErrUnauthorized is 401, and any other one 500.
	Authenticate func(*http.Request) (resource.Key, error)

	Accounts []resource.Account // of the configuration, beside the Store's; they win where names are equal
	Keys     []resource.Key     // the same; Hash is set

	Quota    quota.Store            // nil: in memory, begun with what KeyUsage, OneKeyUsage and AccountUsage say where Store has them
	Health   health.Store           // nil: in memory
	Affinity balancer.AffinityStore // nil: in memory

	Prices    *provider.PriceTable // nil: provider.StarterPrices
	Transport transport.Config     // time-outs, TLS, pool; Proxy and fallback are not looked at; Decoders nil: br and zstd

	Proxy                 string                      // of all accounts that say nothing themselves, as resource.Account.Proxy
	ProxyFallbackToDirect bool                        // the same
	Providers             map[string]ProviderSettings // of the accounts of a provider, by its name in the catalogue

	SessionTTL     time.Duration // how long a conversation stays with its account; 0: 5 min
	ConcurrencyTTL time.Duration // how long what a program that died had in flight counts; 0: as the balancer has it; else at least twice the longest of Transport's time-outs
	UnavailableTTL time.Duration // the first rest of an account that failed; 0: 30 s

	MaxAttempts      int           // accounts tried for one request; 0: 3
	MaxWait          time.Duration // how long a request waits for an account; 0: not at all
	Deadline         time.Duration // for all attempts, until an answer begins; 0: none
	FirstByteTimeout time.Duration // of a stream; 0: 120 s

	MaxBody     int64         // of JSON, in bytes; 0: 32 MiB
	MaxUpload   int64         // of files and forms; 0: 512 MiB
	MaxHeader   int           // of a request's line and headers, in bytes; 0: 64 KiB
	BodyTimeout time.Duration // between two reads of a request's body; 0: 30 s; negative: none

	// WriteTimeout is how long a client may take, to a sixteenth, to read what was sent before more is; then
	// it counts as gone, so that it does not hold an account. 0: 2 min; negative: none.
	WriteTimeout time.Duration

	Clients        ClientFilter
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; nil: nobody's
	AllowLinkLocal bool           // accounts and proxies at link-local and metadata addresses

	HealthChecks balancer.HealthChecks
	Refresh      time.Duration // how often the Store's accounts are looked at for changes of others; 0: 2 s
	Logger       *slog.Logger  // nil: silent

	// RoundTripper makes what carries an account's attempts, for tests. Nil: the network.
	RoundTripper func(balancer.Account) (http.RoundTripper, error)
}

// ProviderSettings are of all accounts of a provider that say nothing themselves.
type ProviderSettings struct {
	Proxy                 string // as resource.Account.Proxy; "": as the gateway's
	ProxyFallbackToDirect *bool  // nil: as the gateway's
}

// Store is what the gateway keeps. Its methods may be called by any number of goroutines.
// What is not there is resource.ErrNotFound.
type Store interface {
	// Key is the key with that SHA-256, in hex.
	Key(ctx context.Context, hash string) (resource.Key, error)

	// Accounts are all accounts, and the version of that.
	Accounts(ctx context.Context) (accounts []resource.Account, version int64, err error)

	// AccountsVersion is another number whenever anybody has changed an account.
	AccountsVersion(ctx context.Context) (int64, error)

	// Record takes a request that has ended. It neither waits nor fails.
	Record(resource.Request)
}

// TokenSaver is a Store that keeps the tokens of accounts with OAuth.
type TokenSaver interface {
	SaveTokens(ctx context.Context, accountID string, t provider.OAuthTokens) error
}

// KeyUsage is a Store that knows what keys have used, by quarter of an hour, for limits that
// are counted in memory. It is asked for all there is, by the zero time. Months that ended 40
// days ago may stand in their first quarter (UTC).
type KeyUsage interface {
	KeyUsage(ctx context.Context, since time.Time) ([]resource.KeyUsage, error)
}

// OneKeyUsage is a Store that knows the same of one key, as it is by now: for keys that are
// given a limit while the program runs.
type OneKeyUsage interface {
	UsageOfKey(ctx context.Context, keyID string) ([]resource.KeyUsage, error)
}

// AccountUsage is a Store that knows what accounts did by day (UTC), for limits of theirs
// that are counted in memory. It is asked for all accounts ("") from a day on.
type AccountUsage interface {
	AccountUsage(ctx context.Context, account string, f resource.UsageFilter) ([]resource.AccountUsage, error)
}

// AccountReporter is a Store that is told how accounts are: until when the provider asked
// to be left alone (zero: it did not), and how many errors there were in a row. It neither
// waits nor fails.
type AccountReporter interface {
	AccountState(name string, resetAt time.Time, consecutiveErrors int64)
}

const (
	defaultMaxBody        = 32 << 20
	defaultMaxUpload      = 512 << 20
	defaultMaxHeader      = 64 << 10
	defaultBodyTimeout    = 30 * time.Second
	defaultWriteTimeout   = 2 * time.Minute
	defaultUnavailableTTL = 30 * time.Second
	defaultRefresh        = 2 * time.Second
)

// withDefaults is the Config with its zero values replaced.
func (c Config) withDefaults() (Config, error) {
	if c.Store == nil {
		return c, errors.New("gateway: Config.Store is nil: give one, such as the store that store.Open makes")
	}
	if c.MaxBody < 0 || c.MaxUpload < 0 || c.MaxHeader < 0 || c.Refresh < 0 || c.UnavailableTTL < 0 || c.ConcurrencyTTL < 0 {
		return c, errors.New("gateway: MaxBody, MaxUpload, MaxHeader, Refresh, UnavailableTTL or ConcurrencyTTL is negative: write 0 for the default")
	}
	if c.Prices == nil {
		c.Prices = provider.StarterPrices()
	}
	if c.MaxBody == 0 {
		c.MaxBody = defaultMaxBody
	}
	if c.MaxUpload == 0 {
		c.MaxUpload = defaultMaxUpload
	}
	if c.MaxHeader == 0 {
		c.MaxHeader = defaultMaxHeader
	}
	if c.BodyTimeout == 0 {
		c.BodyTimeout = defaultBodyTimeout
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = defaultWriteTimeout
	}
	if c.Transport.Decoders == nil {
		c.Transport.Decoders = decoders()
	}
	if c.UnavailableTTL == 0 {
		c.UnavailableTTL = defaultUnavailableTTL
	}
	if c.Refresh == 0 {
		c.Refresh = defaultRefresh
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Transport.Proxy, c.Transport.ProxyFunc, c.Transport.ProxySource, c.Transport.FallbackToDirect = nil, nil, nil, false
	return c, nil
}
