package quota

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// watchers are those who hear of a Guard's store, beside its hooks.
type watchers struct {
	mu     sync.Mutex
	list   []*watcher
	losing bool // those have been told that what cannot be settled is lost, since the store broke
}

type watcher struct {
	broken func(context.Context, error)
	back   func(context.Context, time.Duration)
}

// Watch has the funcs told, beside the Guard's hooks and in the same way, until stop is called: broken when the store
// breaks, each time that it is tried in vain, and once in an outage when more waits to be settled than
// GuardConfig.MaxUnsettled allows; back when it answers again, so long after it broke. The error says by which policy is
// answered meanwhile, and wraps the store's. Any number may watch; stop may be called more than once.
func (g *Guard) Watch(broken func(context.Context, error), back func(context.Context, time.Duration)) (stop func()) {
	w := &watcher{broken, back}
	g.watched.mu.Lock()
	defer g.watched.mu.Unlock()
	g.watched.list = append(slices.Clone(g.watched.list), w)
	return func() {
		g.watched.mu.Lock()
		defer g.watched.mu.Unlock()
		g.watched.list = slices.DeleteFunc(slices.Clone(g.watched.list), func(other *watcher) bool { return other == w })
	}
}

func (w *watchers) all() []*watcher {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.list // which nobody changes
}

// tellBroken is called by the breaker, with the store's error.
func (g *Guard) tellBroken(ctx context.Context, err error) {
	if g.cfg.Hooks.Broken != nil {
		g.cfg.Hooks.Broken(err)
	}
	policy := "calls are refused meanwhile"
	if g.local != nil {
		policy = "each process counts alone meanwhile, and together they may admit more than the limits allow"
	}
	err = fmt.Errorf("%s: %w", policy, err)
	for _, w := range g.watched.all() {
		w.broken(ctx, err)
	}
}

// tellBack is called by the breaker.
func (g *Guard) tellBack(ctx context.Context, after time.Duration) {
	g.watched.mu.Lock()
	g.watched.losing = false
	g.watched.mu.Unlock()
	if g.cfg.Hooks.Back != nil {
		g.cfg.Hooks.Back(after)
	}
	for _, w := range g.watched.all() {
		w.back(ctx, after)
	}
}

// tellLosing tells those who watch that settlements are lost, the first time in an outage.
func (g *Guard) tellLosing(ctx context.Context, err error) {
	g.watched.mu.Lock()
	first := !g.watched.losing
	g.watched.losing = true
	g.watched.mu.Unlock()
	if !first {
		return
	}
	for _, w := range g.watched.all() {
		w.broken(ctx, err)
	}
}
