package balancer_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
)

// tellingHealth is a [health.Changer] in memory: its cursor is a place in the list of all
// changes. It counts what it is asked for.
type tellingHealth struct {
	health.Store
	mu     sync.Mutex
	log    []health.Change
	page   int  // changes on one
	lost   bool // the cursors are no longer known, once
	fails  bool
	loads  atomic.Int64
	listed atomic.Int64
}

func (s *tellingHealth) Load(ctx context.Context, subjects []health.Subject) ([]health.State, error) {
	s.loads.Add(1)
	return s.Store.Load(ctx, subjects)
}

func (s *tellingHealth) Update(ctx context.Context, subject health.Subject, f func(health.State) health.State) (health.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state, err := s.Store.Update(ctx, subject, f)
	if err == nil {
		s.log = append(s.log, health.Change{Subject: subject, State: state})
	}
	return state, err
}

func (s *tellingHealth) Changes(_ context.Context, cursor string) (health.Changes, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails {
		return health.Changes{}, errBroken
	}
	from, err := strconv.Atoi(cursor)
	anew := err != nil || s.lost
	if anew {
		from, s.lost = 0, false
	}
	to := min(len(s.log), from+max(s.page, 1))
	s.listed.Add(int64(to - from))
	return health.Changes{States: slices.Clone(s.log[from:to]), Next: strconv.Itoa(to), More: to < len(s.log), Anew: anew}, nil
}

// What other programs find out about a model is known before anybody here asks for it,
// and nothing is read again that has not changed.
func TestChangesAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		store := &tellingHealth{Store: health.NewMemory(health.MemoryConfig{}), page: 2}
		cfg := over(fake, twoAccounts()...)
		cfg.Health = store
		lb := newTransport(t, cfg)
		rest := func(s health.State) health.State {
			return health.Policy{}.Apply(s, health.Outcome{Kind: health.OutcomeRest, Until: time.Now().Add(time.Hour)}, time.Now())
		}
		for _, s := range []health.Subject{
			{Kind: health.KindAccountModel, Name: "first", Model: "gpt-5"},
			{Kind: health.KindAccountModel, Name: "somebody else's", Model: "gpt-5"},
			{Kind: health.KindProviderModel, Name: "somebody else's", Model: "gpt-5"},
			{Kind: health.KindAccount, Name: "somebody else's"},
		} {
			put(t, store, s, rest)
		}
		time.Sleep(2 * time.Second)
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.Equal(t, []string{"second"}, keysSeen(fake))

		loads := store.loads.Load()
		time.Sleep(time.Minute)
		assert.Equal(t, loads, store.loads.Load(), "it tells what changes")
		assert.Equal(t, int64(4), store.listed.Load())

		put(t, store, health.Subject{Kind: health.KindAccountModel, Name: "first", Model: "gpt-5"}, func(health.State) health.State { return health.State{} })
		time.Sleep(2 * time.Second)
		_, _, err = send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.Equal(t, []string{"second", "first"}, keysSeen(fake), "it was forgotten")
	})
}

// A store that has lost its cursors lists everything, and what is not in the list is
// healthy. One that fails is asked again.
func TestChangesFromTheBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		store := &tellingHealth{Store: health.NewMemory(health.MemoryConfig{}), page: 1}
		var told atomic.Int64
		cfg := over(fake, twoAccounts()...)
		cfg.Health, cfg.NoLastResort = store, true
		cfg.Hooks.StoreError = func(context.Context, string, error) { told.Add(1) }
		lb := newTransport(t, cfg)
		for _, name := range []string{"first", "second"} {
			require.NoError(t, lb.DisableSubject(t.Context(), health.Subject{Kind: health.KindAccount, Name: name}, "too expensive"))
		}
		time.Sleep(2 * time.Second)
		_, _, err := send(t.Context(), t, lb)
		require.ErrorIs(t, err, balancer.ErrNoAccount)

		store.mu.Lock()
		store.fails = true
		store.mu.Unlock()
		time.Sleep(2500 * time.Millisecond)
		assert.Positive(t, told.Load())
		store.mu.Lock()
		store.fails, store.lost = false, true
		store.log = slices.DeleteFunc(store.log, func(c health.Change) bool { return c.Subject.Name == "second" })
		store.mu.Unlock()
		time.Sleep(2 * time.Second)
		_, _, err = send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.Equal(t, []string{"second"}, keysSeen(fake))
	})
}
