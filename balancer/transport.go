package balancer

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/internal/circuit"
	"github.com/aitransport/aitransport/pool"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
)

// Transport sends each request through one of its accounts, and through others when
// that fails. It is an [http.RoundTripper], safe for concurrent use. Close it.
type Transport struct {
	cfg     *Config          // without Accounts
	pool    *pool.Pool       // of all accounts' connections
	owned   bool             // the pool is ours
	calls   *calls           // the requests under way
	retries *retries         // Config.RetryBudget
	codings provider.Codings // of requests

	quotaInMemory, healthInMemory bool // the stores answer at once

	healthBreaker *circuit.Breaker // nil: the store cannot break
	unwatch       func()           // the quota store; nil: it does not tell by itself how it is
	homes         *frugal          // before cfg.Affinity
	debts         debts            // what the health store is still to be told
	forgotten     atomic.Bool      // it will not be told all

	fleet   atomic.Pointer[fleet]
	domains *domains

	sessions *sessions     // nil: none is remembered
	next     atomic.Uint64 // number of the last request
	held     purse         // bytes of answers that are held
	told     unpriced      // the models whose price is not known
	mu       sync.Mutex    // one change of accounts at a time

	beside sync.WaitGroup // what runs beside the requests, until Close
}

// minPool is the least number of agents a shared pool keeps.
const minPool = 100

// New makes a Transport. An error names the account and field that is wrong and
// what to write instead; nothing has been sent then.
func New(cfg Config) (*Transport, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := cfg.RetryBudget.check(); err != nil {
		return nil, err
	}
	if err := cfg.Policy.Validate(); err != nil {
		return nil, fmt.Errorf("balancer: Config.Policy: %w", err)
	}
	if err := cfg.HealthChecks.check(); err != nil {
		return nil, fmt.Errorf("balancer: Config.HealthChecks: %w", err)
	}
	shared := cfg.Health != nil
	cfg = cfg.withDefaults()
	accounts := cfg.Accounts
	cfg.Accounts = nil // they hold secrets
	cfg.Attempt = slices.Clone(cfg.Attempt)
	t := &Transport{
		cfg: &cfg, pool: cfg.Transport.Pool, calls: newCalls(), domains: newDomains(),
		codings: codings(cfg.Transport.Decoders), retries: newRetries(cfg.RetryBudget),
	}
	t.held.most = cfg.Hold.Total
	if cfg.SessionTTL > 0 {
		t.sessions = newSessions(cfg.MaxSessions, cfg.SessionTTL)
	}
	_, t.quotaInMemory = cfg.Quota.(*quota.Memory)
	_, t.healthInMemory = cfg.Health.(*health.Memory)
	t.guardStores()
	if t.pool == nil {
		t.owned = true
		t.pool = pool.New(pool.Config{MaxAgents: minPool, Logger: cfg.Logger})
	}
	if err := t.SetAccounts(accounts); err != nil {
		_ = t.Close()
		return nil, err
	}
	follow := t.follower()
	if shared && t.cfg.HealthRefresh > 0 {
		t.beside.Add(1)
		go t.refresh(t.cfg.HealthRefresh, follow)
	}
	if t.cfg.HealthChecks.Enabled {
		t.beside.Add(1)
		go t.checkHealth()
	}
	return t, nil
}

// SetAccounts replaces the accounts. Attempts under way are not disturbed: they
// finish as they began, streams with them. Requests that wait in line, or fail over, go
// on with the new accounts. Accounts that keep their name keep their place in health,
// quota and statistics; one whose credential is another has been enabled when SetAccounts
// returns, if its old one had it disabled and no person did. A health store that fails,
// or does not answer in half a second, is told to Hooks.StoreError: new accounts then
// count as healthy, and those of which it was not told stay as they were. Attempts under
// way at accounts that are gone are in no Snapshot. On an error nothing has changed.
func (t *Transport) SetAccounts(accounts []Account) error {
	replaced, err := t.exchange(accounts)
	if err != nil {
		return err
	}
	t.enableReplaced(replaced) // while others may change the accounts: it may have to wait
	return nil
}

// exchange makes these the accounts there are, and says which of them have another
// credential than before.
func (t *Transport) exchange(accounts []Account) (replaced []*member, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls.isClosed() {
		return nil, ErrClosed
	}
	before := t.fleet.Load()
	f, err := t.newFleet(accounts, before)
	if err != nil {
		return nil, err
	}
	if t.owned {
		t.pool.Grow(2 * len(f.members)) // an account with a fallback has two routes
	}
	t.fleet.Store(f)
	t.domains.keep(f.domains)
	if before == nil {
		return nil, nil
	}
	close(before.replaced)
	for _, m := range f.members {
		m.counters.full.Store(nil) // its limits may be others
		m.counters.wake()          // nobody looks any more where it was parked
		if old, ok := before.byName[m.Name]; ok && old.identity != m.identity {
			replaced = append(replaced, m)
		}
	}
	t.tellAccounts(before, f, len(replaced))
	return replaced, nil
}

// Client is an [http.Client] over this Transport. It follows no redirects, since
// they would carry credentials elsewhere, and has no time-out of its own, since
// that would cut streams.
func (t *Transport) Client() *http.Client {
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// CloseIdleConnections closes the connections that serve no request. On a pool that
// was given they are its other users' too, and nothing is closed.
func (t *Transport) CloseIdleConnections() {
	if t.owned {
		t.pool.CloseIdleConnections()
	}
}

// Close ends the Transport at once: requests under way fail with [ErrClosed], new
// ones are refused with it. Stores, a pool and round trippers that were given stay
// open. It may be called more than once and returns nil.
func (t *Transport) Close() error {
	t.calls.end()
	t.beside.Wait()
	if t.unwatch != nil {
		t.unwatch()
	}
	if t.owned {
		return t.pool.Close()
	}
	return nil
}

// Shutdown refuses new requests and waits until those under way have ended and
// their books are kept. When the context ends first it closes what is left and
// returns the context's error.
func (t *Transport) Shutdown(ctx context.Context) error {
	err := t.calls.drain(ctx)
	t.payDebts(ctx, maxDebts)
	_ = t.Close() // returns nil
	return err
}
