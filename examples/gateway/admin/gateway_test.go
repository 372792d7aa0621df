package admin_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// gateway is what the server would be: a real balancer over fake providers.
type gateway struct {
	store *memory
	files []resource.Account
	fake  *providertest.Fake
	quota quota.Store
	b     *balancer.Transport

	mu        sync.Mutex
	broken    map[string]error
	forgotten []string
	active    []resource.Active
	reloads   int
	fail      error // of Reload
}

func newGateway(t *testing.T, store *memory, files []resource.Account, counts quota.Store) *gateway {
	g := &gateway{store: store, files: files, fake: providertest.OpenAI(providertest.Config{}), quota: counts, broken: map[string]error{}}
	cfg := g.config()
	for _, a := range files {
		made, err := g.account(a)
		require.NoError(t, err)
		cfg.Accounts = append(cfg.Accounts, made)
	}
	var err error
	g.b, err = balancer.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.b.Close()) })
	return g
}

func (g *gateway) config() balancer.Config {
	return balancer.Config{Quota: g.quota, SessionTTL: time.Minute, RoundTripper: func(balancer.Account) (http.RoundTripper, error) { return providertest.InMemory(g.fake), nil }}
}

func (g *gateway) account(a resource.Account) (balancer.Account, error) {
	p, ok := provider.Lookup(a.Provider)
	if !ok {
		return balancer.Account{}, errors.New("no such provider")
	}
	if strings.HasPrefix(a.Name, "broken") {
		return balancer.Account{}, errors.New("it was broken by a test")
	}
	made := balancer.Account{
		Name: a.Name, Provider: p, Secret: a.Secret.Reveal(), Proxy: a.Proxy, Weight: a.Weight, Priority: a.Priority,
		Groups: a.Groups, Models: a.Models, Disabled: a.Enabled != nil && !*a.Enabled,
	}
	if a.OAuth != nil {
		made.Secret = "renewed"
	}
	for _, l := range a.Limits {
		limit, err := l.Quota()
		if err != nil {
			return made, err
		}
		made.Limits = append(made.Limits, limit)
	}
	return made, nil
}

func (g *gateway) Balancer() *balancer.Transport { return g.b }

func (g *gateway) Reload(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reloads++
	if g.fail != nil {
		return g.fail
	}
	stored, _, err := g.store.Accounts(ctx)
	if err != nil {
		return err
	}
	var list []balancer.Account
	clear(g.broken)
	for _, a := range slices.Concat(g.files, stored) {
		made, err := g.account(a)
		if err != nil {
			g.broken[a.Name] = err
			continue
		}
		list = append(list, made)
	}
	return g.b.SetAccounts(list)
}

func (g *gateway) Forget(hash string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forgotten = append(g.forgotten, hash)
}

func (g *gateway) Broken() map[string]error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.broken)
}

func (g *gateway) CheckAccount(ctx context.Context, a resource.Account) (balancer.CheckReport, error) {
	made, err := g.account(a)
	if err != nil {
		return balancer.CheckReport{}, err
	}
	return balancer.CheckAccount(ctx, g.config(), made)
}

func (g *gateway) Active() []resource.Active {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.active)
}

func (g *gateway) Cancel(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := len(g.active)
	g.active = slices.DeleteFunc(g.active, func(a resource.Active) bool { return a.ID == id })
	return len(g.active) < before
}

// router is a gateway that can take the way of an account.
type router struct{ *gateway }

func (g router) ProbeRoute(ctx context.Context, a resource.Account) (transport.Report, error) {
	made, err := g.account(a)
	if err != nil {
		return transport.Report{}, err
	}
	cfg := g.config()
	cfg.Accounts = []balancer.Account{made}
	b, err := balancer.New(cfg)
	if err != nil {
		return transport.Report{}, err
	}
	defer func() { _ = b.Close() }()
	return b.Probe(ctx)[0].Report, nil
}

// ask sends a request through the gateway as a client would.
func (g *gateway) ask(t *testing.T, hint balancer.Hint) int {
	t.Helper()
	body := strings.NewReader(`{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}`)
	req, err := http.NewRequestWithContext(balancer.WithHint(t.Context(), hint), http.MethodPost, "https://api.openai.com/v1/chat/completions", body)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := g.b.RoundTrip(req)
	if err != nil {
		return 0
	}
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}
