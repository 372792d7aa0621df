package healthtest

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/health"
)

// changing is a Store that tells what has changed.
type changing interface {
	health.Store
	health.Changer
}

// announced makes a check of a Changer one of a Store: what is no Changer passes.
func announced(check func(context.Context, changing) error) func(context.Context, health.Store) error {
	return func(ctx context.Context, store health.Store) error {
		if c, ok := store.(changing); ok {
			return check(ctx, c)
		}
		return nil
	}
}

// pageMost is how many changes a page may have.
const pageMost = 1000

// mirror is what a follower of the changes knows.
type mirror struct {
	states map[health.Subject]health.State
	fresh  map[health.Subject]bool // what was told since the list of everything began; nil: that is over
	cursor string
	told   int  // changes of the last follow
	anew   bool // in the last follow
}

// follow asks until nothing is left.
func (m *mirror) follow(ctx context.Context, store changing) error {
	m.told, m.anew = 0, false
	for range 100 {
		page, err := store.Changes(ctx, m.cursor)
		if err != nil {
			return seen("Changes(%q): %w", m.cursor, err)
		}
		if len(page.States) > pageMost {
			return seen("a page of %d changes", len(page.States))
		}
		m.take(page)
		if !page.More {
			return nil
		}
	}
	return seen("a hundred pages, and More is still set")
}

func (m *mirror) take(page health.Changes) {
	if page.Anew || m.states == nil {
		m.fresh = map[health.Subject]bool{}
	}
	if m.states == nil {
		m.states = map[health.Subject]health.State{}
	}
	for _, c := range page.States {
		m.told++
		if m.fresh != nil {
			m.fresh[c.Subject] = true
		}
		m.states[c.Subject] = c.State
		if c.State == (health.State{}) {
			delete(m.states, c.Subject)
		}
	}
	m.cursor, m.anew = page.Next, m.anew || page.Anew
	if !page.More && m.fresh != nil {
		for subject := range m.states {
			if !m.fresh[subject] {
				delete(m.states, subject)
			}
		}
		m.fresh = nil
	}
}

// same checks that the follower knows these states and no others.
func (m *mirror) same(want map[health.Subject]health.State) error {
	for subject, s := range want {
		if got, ok := m.states[subject]; !ok || got != s {
			return seen("whoever follows the changes knows of %v %+v, want %+v", subject, got, s)
		}
	}
	for subject, got := range m.states {
		if _, ok := want[subject]; !ok {
			return seen("whoever follows the changes knows of %v, which is not known, %+v", subject, got)
		}
	}
	return nil
}

func checkEverything(ctx context.Context, store changing) error {
	var m mirror
	if err := m.follow(ctx, store); err != nil {
		return err
	}
	if len(m.states) != 0 {
		return seen("an empty store tells of %d changes", len(m.states))
	}
	want := map[health.Subject]health.State{
		{Kind: health.KindAccount, Name: "a"}: full(1), {Kind: health.KindProviderModel, Name: "a:\x00", Model: "b:1"}: full(2),
		{Kind: health.KindRoute, Name: "ä {x} 3:"}: {Failures: 1}, {Kind: health.KindAccountModel, Model: ":"}: full(3),
	}
	for subject, s := range want {
		if err := set(ctx, store, subject, s); err != nil {
			return err
		}
	}
	if err := set(ctx, store, account("forgotten"), full(4)); err != nil {
		return err
	}
	if err := set(ctx, store, account("forgotten"), health.State{}); err != nil {
		return err
	}
	for _, cursor := range []string{"", "nonsense", "0", "-1.2.3", "\x00\xff"} {
		m := mirror{cursor: cursor}
		if err := m.follow(ctx, store); err != nil {
			return err
		}
		if !m.anew {
			return seen("the answer to the cursor %q, which the store never gave, does not have Anew set", cursor)
		}
		if err := m.same(want); err != nil {
			return err
		}
	}
	return nil
}

func checkSince(ctx context.Context, store changing) error {
	var m mirror
	want := map[health.Subject]health.State{}
	step := func(told int, states map[string]health.State) error {
		for name, s := range states {
			if err := set(ctx, store, account(name), s); err != nil {
				return err
			}
			want[account(name)] = s
			if s == (health.State{}) {
				delete(want, account(name))
			}
		}
		first := m.cursor == ""
		if err := m.follow(ctx, store); err != nil {
			return err
		}
		if m.told != told || m.anew && !first {
			return seen("after changes of %d subjects Changes told of %d, from the beginning: %v", told, m.told, m.anew)
		}
		return m.same(want)
	}
	for _, s := range []struct {
		told   int
		states map[string]health.State
	}{
		{3, map[string]health.State{"a": full(1), "b": full(2), "c": full(3)}},
		{0, nil},
		{1, map[string]health.State{"b": full(4)}},
		{2, map[string]health.State{"a": {}, "d": full(5)}},
		{1, map[string]health.State{"a": full(6)}},
		{3, map[string]health.State{"b": {}, "c": {}, "d": {}}},
		{0, nil},
	} {
		if err := step(s.told, s.states); err != nil {
			return err
		}
	}
	return nil
}

func checkPages(ctx context.Context, store changing) error {
	var old mirror // knows one subject, and misses the others
	if err := set(ctx, store, account("0 0"), full(0)); err != nil {
		return err
	}
	if err := old.follow(ctx, store); err != nil {
		return err
	}
	const writers, subjects = 16, pageMost/16 + 10
	want := map[health.Subject]health.State{}
	for i := range writers {
		for n := range subjects {
			want[account(fmt.Sprint(i, n))] = full(i + n)
		}
	}
	err := together(writers, func(i int) error {
		for n := range subjects {
			if err := set(ctx, store, account(fmt.Sprint(i, n)), full(i+n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, m := range []*mirror{{}, &old} {
		if err := m.follow(ctx, store); err != nil {
			return err
		}
		if m.told != len(want) && m != &old {
			return seen("of %d subjects Changes told %d times", len(want), m.told)
		}
		if err := m.same(want); err != nil {
			return err
		}
	}
	return nil
}

// checkNoneMissed follows while others write: what the follower knows in the end must be
// what is kept.
func checkNoneMissed(ctx context.Context, store changing) error {
	const writers, rounds, names = 4, 32, 8
	var writing atomic.Int64
	writing.Store(writers)
	var m mirror // of the last caller alone
	err := together(writers+1, func(i int) error {
		if i < writers {
			defer writing.Add(-1)
			for n := range rounds {
				s := full(i*rounds + n)
				if n%3 == 2 {
					s = health.State{}
				}
				if err := set(ctx, store, account(fmt.Sprint((i+n)%names)), s); err != nil {
					return err
				}
			}
			return nil
		}
		for {
			last := writing.Load() == 0
			if err := m.follow(ctx, store); err != nil || last {
				return err
			}
			time.Sleep(100 * time.Microsecond) // lets time pass, where it is not the world's
		}
	})
	if err != nil {
		return err
	}
	subjects := make([]health.Subject, names)
	for i := range subjects {
		subjects[i] = account(fmt.Sprint(i))
	}
	states, err := store.Load(ctx, subjects)
	if err != nil || len(states) != names {
		return seen("Load of %d subjects returned %d states and error %v", names, len(states), err)
	}
	want := map[health.Subject]health.State{}
	for i, s := range states {
		if s != (health.State{}) {
			want[subjects[i]] = s
		}
	}
	return m.same(want)
}

func checkChangesDone(ctx context.Context, store changing) error {
	if err := set(ctx, store, account("a"), full(0)); err != nil {
		return err
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := store.Changes(done, ""); err == nil {
		return seen("Changes returned no error")
	}
	var m mirror
	if err := m.follow(ctx, store); err != nil {
		return err
	}
	before := m.cursor
	if _, err := store.Changes(done, before); err == nil {
		return seen("Changes returned no error")
	}
	if err := set(ctx, store, account("b"), full(1)); err != nil {
		return err
	}
	if err := m.follow(ctx, store); err != nil {
		return err
	}
	return m.same(map[health.Subject]health.State{account("a"): full(0), account("b"): full(1)})
}
