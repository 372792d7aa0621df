package balancer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/internal/circuit"
	"github.com/aitransport/aitransport/quota"
)

const (
	callTime  = 500 * time.Millisecond // what a call of a guarded store may take
	storeRest = time.Second            // for so long a store is left alone that has failed
)

// guardStores puts a breaker before the stores that can break: those in memory cannot.
func (t *Transport) guardStores() {
	if _, ours := t.cfg.Health.(*health.Memory); !ours {
		t.healthBreaker = t.breaker("health", func(err error) bool { return !errors.Is(err, health.ErrSubject) })
		t.cfg.Health = guardHealth(t.cfg.Health, t.healthBreaker)
	}
	if _, ours := t.cfg.Affinity.(*AffinityMemory); !ours {
		t.cfg.Affinity = &guardedAffinity{t.cfg.Affinity, t.breaker("affinity", nil)}
	}
	t.homes = newFrugal(t.cfg.Affinity)
	if guard, ok := t.cfg.Quota.(watched); ok {
		t.unwatch = guard.Watch(
			func(ctx context.Context, err error) { t.tellBroken(context.WithoutCancel(ctx), "quota", err) },
			func(ctx context.Context, after time.Duration) { t.tellBack(context.WithoutCancel(ctx), "quota", after) },
		)
	}
}

// watched is a quota store that tells by itself when it breaks and when it is back, as a
// [quota.Guard] does.
type watched interface {
	Watch(broken func(context.Context, error), back func(context.Context, time.Duration)) (stop func())
}

func (t *Transport) breaker(store string, broken func(error) bool) *circuit.Breaker {
	return circuit.New(circuit.Config{
		Timeout: callTime, Rest: storeRest, Broken: broken,
		OnBroken: func(ctx context.Context, err error) { t.tellBroken(context.WithoutCancel(ctx), store, err) },
		OnBack:   func(ctx context.Context, after time.Duration) { t.tellBack(context.WithoutCancel(ctx), store, after) },
	})
}

// storeError says that a store failed. A caller who has gone is no failure, and what a
// breaker has seen is told by that, once, as a quota.Guard does.
func (t *Transport) storeError(ctx context.Context, store string, err error) {
	guarded := store != "quota"
	if t.unwatch != nil && errors.Is(err, quota.ErrUnavailable) {
		return
	}
	if circuit.IsUnavailable(err) || errors.Is(ctx.Err(), context.Canceled) || guarded && ctx.Err() != nil {
		return
	}
	t.tellBroken(ctx, store, err)
}

func (t *Transport) tellBroken(ctx context.Context, store string, err error) {
	t.cfg.Logger.ErrorContext(ctx, "Store failed", "store", store, "error", err)
	if t.cfg.Hooks.StoreError != nil {
		t.cfg.Hooks.StoreError(ctx, store, err)
	}
}

func (t *Transport) tellBack(ctx context.Context, store string, after time.Duration) {
	t.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "Store is back", slog.String("store", store), slog.Duration("after", after))
	if t.cfg.Hooks.StoreBack != nil {
		t.cfg.Hooks.StoreBack(ctx, store, after)
	}
}

// brokenStore makes an error known as ErrStoreBroken, if it is that.
func brokenStore(store string, err error) error {
	if !circuit.IsUnavailable(err) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", ErrStoreBroken, store, err)
}

// refuse is the error of requests while the health store is broken, if that is the policy.
// One of them tries the store after each rest; what it says is known to those that follow.
func (t *Transport) refuse(ctx context.Context) error {
	if !t.cfg.HealthClosed || t.healthBreaker == nil || t.healthBreaker.Err() == nil {
		return nil
	}
	some := []health.Subject{t.fleet.Load().members[0].domains[0].subject}
	if _, ok := t.load(ctx, some); ok && t.read(ctx, t.domains.all()) {
		return nil
	}
	if t.healthBreaker.Err() != nil { // which Hooks.StoreError has been told; it may be another caller's
		return &Error{
			Err:     fmt.Errorf("who may be used cannot be asked (Config.HealthClosed): %w: health", ErrStoreBroken),
			RetryAt: time.Now().Add(storeRest),
		}
	}
	return nil
}

// guardedHealth is a health.Store behind a breaker.
type guardedHealth struct {
	store   health.Store
	breaker *circuit.Breaker
}

// guardedChanger is one that tells what has changed.
type guardedChanger struct {
	guardedHealth
	changer health.Changer
}

func guardHealth(store health.Store, b *circuit.Breaker) health.Store {
	g := guardedHealth{store, b}
	if changer, ok := store.(health.Changer); ok {
		return &guardedChanger{g, changer}
	}
	return &g
}

// Load implements [health.Store].
func (g *guardedHealth) Load(ctx context.Context, subjects []health.Subject) (states []health.State, err error) {
	err = g.breaker.Do(ctx, func(ctx context.Context) (err error) {
		if states, err = g.store.Load(ctx, subjects); err == nil && len(states) != len(subjects) {
			err = errStates
		}
		return err
	})
	if err != nil {
		return nil, brokenStore("health", err)
	}
	return states, nil
}

var errStates = errors.New("the health store returned another number of states than asked for")

// Update implements [health.Store].
func (g *guardedHealth) Update(ctx context.Context, subject health.Subject, f func(health.State) health.State) (s health.State, err error) {
	err = g.breaker.Do(ctx, func(ctx context.Context) (err error) {
		s, err = g.store.Update(ctx, subject, f)
		return err
	})
	return s, brokenStore("health", err)
}

// Changes implements [health.Changer].
func (g *guardedChanger) Changes(ctx context.Context, cursor string) (page health.Changes, err error) {
	err = g.breaker.Do(ctx, func(ctx context.Context) (err error) {
		page, err = g.changer.Changes(ctx, cursor)
		return err
	})
	return page, brokenStore("health", err)
}

// guardedAffinity is an AffinityStore behind a breaker.
type guardedAffinity struct {
	store   AffinityStore
	breaker *circuit.Breaker
}

// Get implements [AffinityStore].
func (g *guardedAffinity) Get(ctx context.Context, keys ...string) (accounts []string, err error) {
	err = g.breaker.Do(ctx, func(ctx context.Context) (err error) {
		if accounts, err = g.store.Get(ctx, keys...); err == nil && len(accounts) != len(keys) {
			err = errHomes
		}
		return err
	})
	if err != nil {
		return nil, brokenStore("affinity", err)
	}
	return accounts, nil
}

var errHomes = errors.New("the affinity store returned another number of accounts than asked for")

// Put implements [AffinityStore].
func (g *guardedAffinity) Put(ctx context.Context, account string, ttl time.Duration, keys ...string) error {
	return brokenStore("affinity", g.breaker.Do(ctx, func(ctx context.Context) error { return g.store.Put(ctx, account, ttl, keys...) }))
}

// Delete implements [AffinityStore].
func (g *guardedAffinity) Delete(ctx context.Context, keys ...string) error {
	return brokenStore("affinity", g.breaker.Do(ctx, func(ctx context.Context) error { return g.store.Delete(ctx, keys...) }))
}
