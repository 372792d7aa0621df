package server

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
)

var errEncoding = errors.New("write form or json")

// roster is what is known of the accounts. It does not change: a change makes another.
type roster struct {
	version int64
	entries map[string]*entry
	order   []string         // of the entries' names
	broken  map[string]error // accounts that are left out, by name
	left    []*entry         // those accounts, as far as they are known
	groups  map[string]bool
	limited bool // an account has a limit of tokens or money
	unsown  bool // what was used before is missing from a limit: it is to be loaded again
}

// entry is an account in use.
type entry struct {
	from  resource.Account // without what the store counts
	made  balancer.Account
	login *login // nil: its credential is a key
}

// load reads the accounts and gives them to the balancer. One that is wrong is left out
// and logged; the others serve. Only one load runs at a time.
func (s *Server) load(ctx context.Context) error {
	stored, version, err := s.cfg.Store.Accounts(ctx)
	if err != nil {
		return err
	}
	before := s.roster.Load()
	next := s.assemble(before, stored)
	next.version = version
	if err := s.sown.sow(ctx, s.quota, next, time.Now()); err != nil {
		if before == nil {
			return err
		}
		if next.unsown = true; !before.unsown {
			s.log.LogAttrs(ctx, slog.LevelError, "Quota of accounts not seeded, it is tried again", slog.Any("error", err))
		}
	}
	if err := s.install(next); err != nil {
		s.closeLogins(next, before)
		return err
	}
	s.roster.Store(next)
	s.closeLogins(before, next)
	s.models.forget(next)
	for name, err := range next.broken {
		if before == nil || before.broken[name] == nil || before.broken[name].Error() != err.Error() {
			s.log.LogAttrs(ctx, slog.LevelError, "Account left out", slog.String("account", name), slog.Any("error", err))
		}
	}
	return nil
}

// install gives the accounts to the balancer, and makes that first.
func (s *Server) install(next *roster) error {
	accounts := next.accounts()
	if s.balancer != nil {
		return s.balancer.SetAccounts(accounts)
	}
	cfg := s.balancerConfig()
	cfg.Accounts = accounts
	b, err := balancer.New(cfg)
	if err == nil {
		s.balancer = b
	}
	return err
}

// accounts are those of the balancer, in their order.
func (r *roster) accounts() []balancer.Account {
	accounts := make([]balancer.Account, len(r.order))
	for i, name := range r.order {
		accounts[i] = r.entries[name].made
	}
	return accounts
}

// assemble makes a roster of the accounts of the configuration and the store.
func (s *Server) assemble(before *roster, stored []resource.Account) *roster {
	next := &roster{entries: make(map[string]*entry), broken: make(map[string]error), groups: make(map[string]bool)}
	for _, a := range slices.Concat(s.cfg.Accounts, stored) {
		if _, twice := next.entries[a.Name]; twice {
			next.leave(a)
			next.broken[a.Name] = fieldError(&a, "name", errors.New("another account has it too, and is used in its place: names must be unique"))
			continue
		}
		e, err := s.entry(before, a)
		if err != nil {
			next.leave(a)
			next.broken[a.Name] = err
			continue
		}
		next.entries[a.Name], next.order = e, append(next.order, a.Name)
		for _, group := range a.Groups {
			next.groups[group] = true
		}
		for _, l := range e.made.Limits {
			next.limited = next.limited || l.Unit != quota.Requests && l.Unit != quota.InFlight
		}
	}
	return next
}

// leave leaves an account out. What is known of it tells what could be served if it were mended.
func (r *roster) leave(a resource.Account) {
	e := &entry{from: a, made: balancer.Account{Name: a.Name, Groups: a.Groups, Models: a.Models}}
	for _, group := range a.Groups {
		r.groups[group] = true
	}
	if p, ok := provider.Lookup(a.Provider); ok {
		e.made.Provider = p
		r.left = append(r.left, e)
	}
}

// entry is an account made ready: as before, if nothing of it has changed.
func (s *Server) entry(before *roster, a resource.Account) (*entry, error) {
	a.TotalCost, a.DailyRequests, a.ConsecutiveErrors = 0, 0, 0
	a.RateLimitResetAt, a.CreatedAt, a.UpdatedAt = time.Time{}, time.Time{}, time.Time{}
	var old *entry
	if before != nil {
		old = before.entries[a.Name]
	}
	if old != nil && reflect.DeepEqual(old.from, a) {
		return old, nil
	}
	made, err := s.cfg.balancerAccount(&a)
	if err != nil {
		return nil, err
	}
	for _, w := range a.Warnings() {
		s.log.LogAttrs(s.life, slog.LevelWarn, "Account looks wrong", slog.String("account", a.Name), slog.String("field", w.Field), slog.String("warning", w.Message))
	}
	e := &entry{from: a, made: made}
	if a.OAuth != nil {
		if !a.Secret.IsZero() {
			return nil, fieldError(&a, "secret", errors.New("there is an oauth as well: set one of them"))
		}
		if old != nil && old.login != nil && old.login.serves(&a) {
			e.login = old.login
		} else if e.login, err = s.newLogin(&a, true); err != nil {
			return nil, err
		}
		e.made.Credential = e.login
	}
	if err := s.trial(e.made); err != nil {
		if e.login != nil && (old == nil || old.login != e.login) {
			s.closeLogin(e.login)
		}
		return nil, err
	}
	return e, nil
}

// trial tells what the balancer has against an account. Nothing is sent.
func (s *Server) trial(a balancer.Account) error {
	cfg := s.balancerConfig()
	cfg.Accounts, cfg.HealthChecks, cfg.Health, cfg.Affinity = []balancer.Account{a}, balancer.HealthChecks{}, nil, nil
	cfg.Logger = nil
	b, err := balancer.New(cfg)
	if err != nil {
		return err
	}
	return b.Close()
}

// closeLogins closes the logins that one roster has and another has not.
func (s *Server) closeLogins(of, but *roster) {
	if of == nil {
		return
	}
	kept := make(map[*login]bool)
	if but != nil {
		for e := range maps.Values(but.entries) {
			kept[e.login] = true
		}
	}
	for e := range maps.Values(of.entries) {
		if e.login != nil && !kept[e.login] {
			s.closeLogin(e.login)
		}
	}
}

// closeLogin ends a login beside whoever asks: it waits for a renewal under way.
func (s *Server) closeLogin(l *login) {
	s.beside.Go(func() {
		if err := l.Close(); err != nil {
			s.log.LogAttrs(context.Background(), slog.LevelError, "Tokens not saved", slog.String("account_id", l.account), slog.Any("error", err))
		}
	})
}
