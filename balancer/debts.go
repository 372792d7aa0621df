package balancer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/internal/circuit"
)

// debts are the outcomes that the health store could not be told of, since it was broken.
// They count here at once, and in the store when it is back: each of them once, as of the
// time it had. The zero debts are none.
type debts struct {
	mu    sync.Mutex
	owed  map[*domain][]debt
	count int         // of all
	some  atomic.Bool // count is not 0
}

// debt is one outcome.
type debt struct {
	apply func(health.State) health.State // of its time, whenever it is called

	// made is the version of the state that the store was asked to keep when it was first
	// told and broke. One that is as far has either done as it was told, or has heard from
	// others since and knows better. 0: it cannot have done it.
	made uint64
}

const (
	maxDebts   = 10_000 // of all domains; one takes about 400 bytes
	maxDebtsOf = 100    // of one domain: more say no more
	paidByCall = 8      // domains of which a call tells that the store has answered
)

var errForgotten = errors.New("more outcomes wait for the health store than are kept: some are given up")

// keep keeps debts of a domain for later, behind those it has. It tells whether all could
// be kept: else the oldest of the domain are given up.
func (ds *debts) keep(d *domain, list []debt) (all bool) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if ds.owed == nil {
		ds.owed = make(map[*domain][]debt)
	}
	before := len(ds.owed[d])
	list = append(ds.owed[d], list...)
	more := max(0, len(list)-min(maxDebtsOf, maxDebts-ds.count+before))
	if list = list[more:]; len(list) > 0 { // the last say most
		ds.owed[d] = list
	}
	ds.count += len(list) - before
	ds.some.Store(ds.count > 0)
	return more == 0
}

// take takes out those of a domain; nil: of any that has some.
func (ds *debts) take(d *domain) (of *domain, list []debt) {
	if !ds.some.Load() { // as nearly always
		return d, nil
	}
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if d == nil {
		for d = range ds.owed {
			break
		}
	}
	list = ds.owed[d]
	delete(ds.owed, d)
	ds.count -= len(list)
	ds.some.Store(ds.count > 0)
	return d, list
}

// has tells whether the store is still to be told something of a domain.
func (ds *debts) has(d *domain) bool {
	if !ds.some.Load() {
		return false
	}
	ds.mu.Lock()
	defer ds.mu.Unlock()
	return len(ds.owed[d]) > 0
}

// outcome changes a domain by an outcome, which apply does as of its own time. While the
// store is broken it counts here, and the store is told later. An error has been told to
// the hook.
func (t *Transport) outcome(ctx context.Context, d *domain, apply func(health.State) health.State) error {
	_, before := t.debts.take(d)
	all := append(before, debt{apply: apply})
	err := t.pay(ctx, slog.LevelInfo, d, all)
	if err != nil {
		t.change(ctx, d, apply)
		return err
	}
	t.payDebts(ctx, paidByCall)
	return nil
}

// pay tells the store of debts of a domain. What it cannot be told now is kept. A turn is
// told at the level.
func (t *Transport) pay(ctx context.Context, level slog.Level, d *domain, list []debt) error {
	var made uint64
	err := t.updateAt(ctx, level, d, func(s health.State) health.State {
		before := s
		for _, one := range list {
			if one.made == 0 || before.Version < one.made {
				s = one.apply(s)
			}
		}
		if made = s.Version; s == before {
			made = 0
		}
		return s
	})
	switch {
	case err == nil:
		return nil
	case !circuit.IsUnavailable(err) && ctx.Err() == nil: // it is about this one, and will be next time
		return err
	}
	for i := range list {
		if list[i].made == 0 {
			list[i].made = made
		}
	}
	if !t.debts.keep(d, list) {
		t.debtsLost(ctx)
	}
	return err
}

// debtsLost tells, once for each time that the store is broken, that not all can be kept.
func (t *Transport) debtsLost(ctx context.Context) {
	if t.forgotten.CompareAndSwap(false, true) {
		t.tellBroken(context.WithoutCancel(ctx), "health", errForgotten)
	}
}

// payDebts tells the store what it could not be told before, of so many domains.
func (t *Transport) payDebts(ctx context.Context, domains int) {
	for range domains {
		d, list := t.debts.take(nil)
		if len(list) == 0 {
			t.forgotten.Store(false)
			return
		}
		if err := t.pay(ctx, slog.LevelDebug, d, list); err != nil && t.debts.has(d) {
			return
		}
	}
}

// change changes what is known here of a domain.
func (t *Transport) change(ctx context.Context, d *domain, f func(health.State) health.State) {
	for {
		old := d.state.Load()
		var s health.State
		if old != nil {
			s = *old
		}
		next := f(s)
		if next == s {
			return
		}
		if !d.state.CompareAndSwap(old, &next) {
			continue
		}
		now := time.Now()
		t.tell(ctx, slog.LevelInfo, d.subject, s, next, now)
		if d.subject.Model != "" {
			t.domains.trouble(&next, d.subject.Model, now)
		}
		if better(old, &next, now) {
			t.wake(d.subject)
		}
		return
	}
}
