package healthtest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/health/healthtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryKeepsEveryPromise(t *testing.T) {
	healthtest.Run(t, func(*testing.T) health.Store { return health.NewMemory(health.MemoryConfig{}) })
}

// store is a plain map that can be broken in one place at a time.
type store struct {
	mu     sync.Mutex
	states map[any]health.State

	key        func(health.Subject) any // how subjects are told apart
	keep       func(health.State) health.State
	racy       bool // Update reads, lets others in, and writes
	reversed   bool // Load returns the states in reverse
	heedless   bool // goes on although the context is done
	forgetless bool // cannot forget
	torn       bool // writes the two halves of a state one after the other
}

func newStore(breakIt func(*store)) func() health.Store {
	return func() health.Store {
		s := &store{
			states: map[any]health.State{},
			key:    func(s health.Subject) any { return s },
			keep:   func(s health.State) health.State { return s },
		}
		breakIt(s)
		return s
	}
}

func (s *store) Load(ctx context.Context, subjects []health.Subject) ([]health.State, error) {
	if err := ctx.Err(); err != nil && !s.heedless {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	states := make([]health.State, len(subjects))
	for i, subject := range subjects {
		if s.reversed {
			i = len(subjects) - 1 - i
		}
		states[i] = s.states[s.key(subject)]
	}
	return states, nil
}

func (s *store) Update(ctx context.Context, subject health.Subject, f func(health.State) health.State) (health.State, error) {
	if err := ctx.Err(); err != nil && !s.heedless {
		return health.State{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.key(subject)
	after := f(s.states[key])
	if s.racy {
		s.letOthersIn()
	}
	if s.torn {
		half := after
		half.RestUntil, half.Version = s.states[key].RestUntil, s.states[key].Version
		s.states[key] = half
		s.letOthersIn()
	}
	if s.forgetless && after == (health.State{}) {
		return after, nil
	}
	s.states[key] = s.keep(after)
	return after, nil
}

// letOthersIn makes a store that is broken on purpose lose its race reliably: the
// suite must catch it.
func (s *store) letOthersIn() {
	s.mu.Unlock()
	time.Sleep(time.Millisecond)
	s.mu.Lock()
}

func TestSuiteCatchesBrokenStores(t *testing.T) {
	cases := []struct {
		name    string
		breakIt func(*store)
		caught  []string // the promises whose cases must catch it; others may too
	}{
		{"reads, then writes", func(s *store) { s.racy = true }, []string{"none lost", "one probe"}},
		{"half an update", func(s *store) { s.torn = true }, []string{"not torn"}},
		{"in the wrong order", func(s *store) { s.reversed = true }, []string{"order"}},
		{"kinds confused", func(s *store) {
			s.key = func(s health.Subject) any { s.Kind = 0; return s }
		}, []string{"apart"}},
		{"name and model run together", func(s *store) {
			s.key = func(s health.Subject) any { return s.Kind.String() + s.Name + "\x00" + s.Model }
		}, []string{"apart"}},
		{"drops a field", func(s *store) {
			s.keep = func(s health.State) health.State { s.Reason = ""; return s }
		}, []string{"kept whole"}},
		{"knows the fields of an older version only", func(s *store) {
			s.keep = func(s health.State) health.State {
				s.LastCheck, s.Recovered, s.Window = time.Time{}, time.Time{}, health.Window{}
				return s
			}
		}, []string{"kept whole"}},
		{"forgets half of the window", func(s *store) {
			s.keep = func(s health.State) health.State { s.Window.PastFailures = 0; return s }
		}, []string{"kept whole"}},
		{"cannot forget", func(s *store) { s.forgetless = true }, []string{"forget"}},
		{"heedless of the context", func(s *store) { s.heedless = true }, []string{"done context"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			broken := healthtest.Broken(t, newStore(c.breakIt))
			assert.Subset(t, broken, c.caught)
			assert.Less(t, len(broken), 8, "so broken that it proves nothing: %v", broken)
		})
	}
	assert.Empty(t, healthtest.Broken(t, newStore(func(*store) {})), "a sound store passes")
}
