package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// Config sets up the API. Gateway, Store and TokenHash are required. New copies it; what
// it points to must not be changed afterwards.
type Config struct {
	Gateway   Gateway // what serves requests
	Store     Store   // what is kept
	TokenHash string  // SHA-256 of the token, in hex

	Accounts []resource.Account // of the configuration: shown, and changed there
	Keys     []resource.Key     // the same

	// Quota counts what keys use, under "key/" and their ids. Nil: levels are not told.
	// Levels take a quota.Inspector, grants a quota.Granter.
	Quota quota.Store

	// Validate says what is wrong with an account beyond what this package looks at, and
	// holds no secret; a *FieldError names the field. Nil: nothing more is looked at.
	Validate func(resource.Account) error

	// ClientIP is where a request comes from, for the log and for those who guess tokens.
	// Nil: the connection's address.
	ClientIP func(*http.Request) string

	Timeout      time.Duration // for a request; 0: 30 s
	ProbeTimeout time.Duration // for a probe; 0: 60 s
	Logger       *slog.Logger  // told of each change and each refused token; nil: silent
}

// Store keeps accounts, keys and records. What is not there is resource.ErrNotFound; a
// name that is taken (of a key: resource.ErrNameTaken), or a change that overtook another one, resource.ErrConflict: an
// update whose UpdatedAt is set has to meet that.
type Store interface {
	Accounts(ctx context.Context) (accounts []resource.Account, version int64, err error)
	Account(ctx context.Context, id string) (resource.Account, error)
	CreateAccount(ctx context.Context, a resource.Account) (resource.Account, error)
	UpdateAccount(ctx context.Context, a resource.Account) (resource.Account, error)
	DeleteAccount(ctx context.Context, id string) error

	ListKeys(ctx context.Context, f resource.KeyFilter) (keys []resource.Key, next string, err error)
	KeyByID(ctx context.Context, id string) (resource.Key, error)
	CreateKey(ctx context.Context, k resource.Key) (resource.Key, error)
	UpdateKey(ctx context.Context, k resource.Key) (resource.Key, error)
	DeleteKey(ctx context.Context, id string) error

	Requests(ctx context.Context, f resource.RequestFilter) (requests []resource.Request, next string, err error)
	DailyUsage(ctx context.Context, f resource.UsageFilter) ([]resource.DailyUsage, error)
	AccountUsage(ctx context.Context, account string, f resource.UsageFilter) ([]resource.AccountUsage, error)
}

// Gateway serves the requests that this API is about.
type Gateway interface {
	// Balancer has the accounts as they are now.
	Balancer() *balancer.Transport

	// Reload has the next request served by the accounts that are stored.
	Reload(ctx context.Context) error

	// Forget has the key of that SHA-256 looked up anew at its next use.
	Forget(hash string)

	// Broken are the accounts that are left out, by name, and why. The reasons hold no
	// secret.
	Broken() map[string]error

	// CheckAccount asks an account's provider how the account is, saved or not. An error
	// says what is wrong with the account, and holds no secret.
	CheckAccount(ctx context.Context, a resource.Account) (balancer.CheckReport, error)

	// Active are the requests in flight, the oldest first; Cancel ends one, and tells
	// whether it was there.
	Active() []resource.Active
	Cancel(id string) bool
}

// RouteProber is a Gateway that can take the way of an account to its provider, saved or
// not, without its credential. With one that cannot, probes tell no route.
type RouteProber interface {
	ProbeRoute(ctx context.Context, a resource.Account) (transport.Report, error)
}

// UsageSower is a Gateway that counts what a key used before, under limits that are counted in
// memory, when the key is first used. It does so now, before that is told or forgotten.
type UsageSower interface {
	SowUsage(ctx context.Context, k resource.Key)
}

// FieldError is what is wrong with one field.
type FieldError = resource.FieldError

const (
	defaultTimeout      = 30 * time.Second
	defaultProbeTimeout = time.Minute
)

// New makes the API's handler, to be mounted at /admin/v1/. It may serve any number of
// requests at the same time, and needs no Close. The error says which field of the Config
// is wrong.
func New(c Config) (http.Handler, error) {
	switch {
	case c.Gateway == nil:
		return nil, errors.New("admin: Config.Gateway is nil: give the server")
	case c.Store == nil:
		return nil, errors.New("admin: Config.Store is nil: give the store that the server has")
	case c.Timeout < 0 || c.ProbeTimeout < 0:
		return nil, errors.New("admin: Config.Timeout or ProbeTimeout is negative: write 0 for the default")
	}
	hash, err := hex.DecodeString(c.TokenHash)
	if err != nil || len(hash) != sha256.Size {
		return nil, errors.New("admin: Config.TokenHash is no SHA-256 in hex")
	}
	c.Accounts, c.Keys = slices.Clone(c.Accounts), slices.Clone(c.Keys)
	for i := range c.Accounts {
		a := &c.Accounts[i]
		a.FromFile = true
		if a.ID == "" {
			sum := sha256.Sum256([]byte(a.Name))
			a.ID = "acc_file_" + hex.EncodeToString(sum[:8])
		}
	}
	for i := range c.Keys {
		if c.Keys[i].FromFile = true; c.Keys[i].ID == "" {
			return nil, fmt.Errorf("admin: Config.Keys[%d] has no ID", i)
		}
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.ProbeTimeout == 0 {
		c.ProbeTimeout = defaultProbeTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.ClientIP == nil {
		c.ClientIP = peer
	}
	a := &api{Config: c, probes: make(chan struct{}, maxProbes)}
	if a.description, err = description(); err != nil {
		return nil, err
	}
	if a.token, err = newToken(hash); err != nil {
		return nil, err
	}
	a.mux = a.routes()
	return a, nil
}
