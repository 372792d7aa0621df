package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
)

// ErrClosed is why a Server that is shutting down is not ready.
var ErrClosed = errors.New("the gateway is shutting down")

var errNoProbe = errors.New("nothing is known that could be asked there at no cost: send the account a request instead")

// Server is the gateway's path, an http.Handler. Its methods may be called by any number
// of goroutines. Close it.
type Server struct {
	cfg      Config
	log      *slog.Logger
	quota    quota.Store
	codings  provider.Codings
	clients  ClientFilter
	keys     *keyring
	seeds    *seeds
	sown     *accountSeeds // of who is loading; nil: limits are not counted in memory
	models   *catalogue
	balancer *balancer.Transport
	roster   atomic.Pointer[roster]
	active   actives
	recovery recovery
	states   states

	loading sync.Mutex // one load at a time

	life   context.Context // ends with Close
	end    context.CancelFunc
	beside sync.WaitGroup // the Server's own goroutines

	mu      sync.Mutex
	closing bool
	serving int           // requests
	idle    chan struct{} // closed when closing and serving is 0
}

// New makes a Server: it reads the accounts, and is ready when it returns. An error says
// which field of the Config is wrong, or that the Store has failed; an account that is
// wrong is no error: see Broken.
func New(ctx context.Context, cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cfg.Logger, idle: make(chan struct{}), quota: cfg.Quota, codings: provider.Codings{}}
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.begin(ctx); err != nil {
		s.end()
		s.beside.Wait()
		return nil, err
	}
	s.beside.Go(s.refresh)
	return s, nil
}

// begin makes the parts and loads the accounts.
func (s *Server) begin(ctx context.Context) (err error) {
	cfg := &s.cfg
	s.models = &catalogue{s: s, slots: make(chan struct{}, modelsParallel)}
	if s.clients, err = cfg.Clients.ready(); err != nil {
		return err
	}
	if s.clients.Enabled && len(s.clients.Types) == 0 {
		s.log.LogAttrs(ctx, slog.LevelWarn, "The client filter is on and lets nobody in: name client types, or turn it off")
	}
	for name, decoder := range cfg.Transport.Decoders {
		s.codings[name] = decoder
	}
	if !cfg.AllowLinkLocal && cfg.Transport.Dialer == nil {
		cfg.Transport.Dialer = &net.Dialer{KeepAlive: 30 * time.Second, Control: refuseAddress}
	}
	if s.keys, err = newKeyring(cfg.Store, cfg.Keys, cfg.Logger); err != nil {
		return err
	}
	if err := s.count(ctx); err != nil {
		return err
	}
	if err := s.load(ctx); err != nil {
		return fmt.Errorf("gateway: accounts: %w", err)
	}
	return nil
}

// count sets up the counting of what is used.
func (s *Server) count(ctx context.Context) (err error) {
	if s.quota == nil {
		s.quota = quota.NewMemory(quota.MemoryConfig{})
	}
	if _, ok := s.quota.(*quota.Memory); ok {
		if s.seeds, err = newSeeds(ctx, s.cfg.Store, s.log); err != nil {
			return fmt.Errorf("gateway: what keys have used: %w", err)
		}
		s.sown = new(accountSeeds)
		s.sown.from, _ = s.cfg.Store.(AccountUsage)
	}
	return nil
}

// refresh follows what other programs change, until Close.
func (s *Server) refresh() {
	ticker := time.NewTicker(s.cfg.Refresh)
	defer ticker.Stop()
	reporter, _ := s.cfg.Store.(AccountReporter)
	failing := false
	for {
		select {
		case <-s.life.Done():
			return
		case <-ticker.C:
		}
		err := s.follow()
		if err != nil && !failing && s.life.Err() == nil {
			s.log.LogAttrs(s.life, slog.LevelError, "Accounts not refreshed, the last known go on", slog.Any("error", err))
		}
		if err == nil && failing {
			s.log.LogAttrs(s.life, slog.LevelInfo, "Accounts are refreshed again")
		}
		if failing = err != nil; reporter != nil {
			s.states.report(s.life, s.balancer, reporter)
		}
	}
}

// storeTimeout bounds a question to the store that nobody's request waits for.
const storeTimeout = 10 * time.Second

// follow loads the accounts if they have changed, or not everything could be done with them.
func (s *Server) follow() (err error) {
	defer func() {
		if v := recover(); v != nil { // a store's; requests must go on
			err = fmt.Errorf("the store panicked: %v", v)
		}
	}()
	ctx, cancel := context.WithTimeout(s.life, storeTimeout)
	defer cancel()
	version, err := s.cfg.Store.AccountsVersion(ctx)
	if r := s.roster.Load(); err != nil || version == r.version && !r.unsown {
		return err
	}
	return s.Reload(ctx)
}

// Reload reads the accounts anew: those that were changed serve the next request. Where it
// fails, those that were known go on.
func (s *Server) Reload(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	return s.load(ctx)
}

// Broken are the accounts that are left out because they are wrong, and why.
func (s *Server) Broken() map[string]error { return maps.Clone(s.roster.Load().broken) }

// Balancer is what requests go through: for its Snapshot, and to enable and disable. Its
// accounts are the Server's to set.
func (s *Server) Balancer() *balancer.Transport { return s.balancer }

// Ready is nil while requests can be served.
func (s *Server) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return ErrClosed
	}
	return nil
}

// Forget has the key of that SHA-256 looked up anew at its next use, since it was changed.
func (s *Server) Forget(hash string) { s.keys.forget(hash) }

// SowUsage has the limits of a key count what it used before, as its next request would. It is
// for whoever tells or resets what a key has used. Where limits are not counted in memory there
// is nothing to do.
func (s *Server) SowUsage(ctx context.Context, k resource.Key) {
	s.seeds.sow(ctx, s.quota, newHolder(k))
}

// Validate says what is wrong with an account, by its name and field; nil: it can serve.
// Nothing is sent.
func (s *Server) Validate(a resource.Account) error {
	_, closes, err := s.made(a)
	if err != nil {
		return err
	}
	return closes()
}

// CheckAccount asks an account's provider how the account is, whether it is saved or not.
// The error says what is wrong with the account.
func (s *Server) CheckAccount(ctx context.Context, a resource.Account) (balancer.CheckReport, error) {
	made, closes, err := s.made(a)
	if err != nil {
		return balancer.CheckReport{}, err
	}
	if len(provider.Probes(made.Provider)) == 0 {
		return balancer.CheckReport{}, errors.Join(fieldError(&a, "provider", errNoProbe), closes())
	}
	cfg := s.balancerConfig()
	report, err := balancer.CheckAccount(ctx, cfg, made)
	return report, errors.Join(err, closes())
}

// made is an account made ready beside those in use. One that is in use lends its login.
func (s *Server) made(a resource.Account) (made balancer.Account, closes func() error, err error) {
	closes = func() error { return nil }
	if made, err = s.cfg.balancerAccount(&a); err != nil {
		return made, closes, err
	}
	if a.OAuth != nil {
		if e := s.roster.Load().entries[a.Name]; e != nil && e.login != nil && e.login.serves(&a) {
			made.Credential = e.login
		} else {
			l, err := s.newLogin(&a, false)
			if err != nil {
				return made, closes, err
			}
			made.Credential, closes = l, l.Close
		}
	}
	if err := s.trial(made); err != nil {
		return made, closes, errors.Join(err, closes())
	}
	return made, closes, nil
}

// enter counts a request in, unless the Server is closing.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.serving++
	}
	return !s.closing
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving--; s.serving == 0 && s.closing {
		close(s.idle)
	}
}

// cutTime is how long requests that are cut may take to end.
const cutTime = 3 * time.Second

// Shutdown refuses new requests and waits until those under way have ended and their
// records are given to the Store. When the context ends first it ends what is left, gives
// that a few seconds to be recorded, and returns the context's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if !s.closing {
		s.closing = true
		if s.serving == 0 {
			close(s.idle)
		}
	}
	s.mu.Unlock()
	var err error
	select {
	case <-s.idle:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	s.end()
	_ = s.balancer.Close() // returns nil
	if err != nil {
		late := time.NewTimer(cutTime)
		defer late.Stop()
		select {
		case <-s.idle:
		case <-late.C: // a client that reads nothing
		}
	}
	s.closeLogins(s.roster.Load(), nil)
	s.beside.Wait()
	return err
}

// Close is Shutdown that lets no request under way finish: they end with an error. It may be
// called more than once.
func (s *Server) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
