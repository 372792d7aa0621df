package affinitytest_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/balancer/affinitytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryKeepsEveryPromise(t *testing.T) {
	affinitytest.Run(t, func(*testing.T) balancer.AffinityStore {
		return balancer.NewAffinityMemory(balancer.AffinityMemoryConfig{})
	})
}

// home is what a store knows of a key.
type home struct {
	account string
	until   time.Time
}

// store is a plain map that can be broken in one place at a time.
type store struct {
	mu    sync.Mutex
	homes map[string]home

	key      func(string) string // how keys are told apart
	account  func(string) string
	until    func(before home, ttl time.Duration) time.Time
	puts     func(keys []string) []string // those that are kept
	prolongs bool                         // by reading
	first    bool                         // the first account counts
	reversed bool                         // Get returns the accounts in reverse
	short    bool                         // Get leaves out what it does not know
	failing  bool                         // Get fails for what it does not know
	heedless bool                         // goes on although the context is done
	racy     bool                         // Put reads all, lets others in, and writes all
	forgets  func(keys []string) []string // what Delete forgets
	noTime   bool                         // Put without time is Put for ever
}

func newStore(breakIt func(*store)) func() balancer.AffinityStore {
	return func() balancer.AffinityStore {
		same := func(keys []string) []string { return keys }
		s := &store{
			homes: map[string]home{}, puts: same, forgets: same,
			key:     func(k string) string { return k },
			account: func(a string) string { return a },
			until:   func(_ home, ttl time.Duration) time.Time { return time.Now().Add(ttl) },
		}
		breakIt(s)
		return s
	}
}

func (s *store) Get(ctx context.Context, keys ...string) ([]string, error) {
	if err := ctx.Err(); err != nil && !s.heedless {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var accounts []string
	for _, key := range keys {
		h := s.homes[s.key(key)]
		known := time.Now().Before(h.until)
		switch {
		case !known && s.failing:
			return nil, context.DeadlineExceeded
		case !known && s.short:
			continue
		case !known:
			h.account = ""
		case s.prolongs:
			s.homes[s.key(key)] = home{h.account, h.until.Add(time.Second)}
		}
		accounts = append(accounts, h.account)
	}
	if s.reversed {
		slices.Reverse(accounts)
	}
	return accounts, nil
}

func (s *store) Put(ctx context.Context, account string, ttl time.Duration, keys ...string) error {
	if err := ctx.Err(); err != nil && !s.heedless {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ttl <= 0 && s.noTime {
		ttl = 24 * time.Hour
	}
	after := map[string]home{}
	for key, h := range s.homes {
		after[key] = h
	}
	for _, key := range s.puts(keys) {
		before, known := s.homes[s.key(key)]
		if !known || !s.first {
			after[s.key(key)] = home{s.account(account), s.until(before, ttl)}
		}
	}
	if s.racy { // loses its race reliably: the suite must catch it
		s.mu.Unlock()
		time.Sleep(time.Millisecond)
		s.mu.Lock()
	}
	s.homes = after
	return nil
}

func (s *store) Delete(ctx context.Context, keys ...string) error {
	if err := ctx.Err(); err != nil && !s.heedless {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.forgets(keys) {
		delete(s.homes, s.key(key))
	}
	return nil
}

func TestSuiteCatchesBrokenStores(t *testing.T) {
	cases := []struct {
		name    string
		breakIt func(*store)
		caught  []string // the promises whose cases must catch it; others may too
	}{
		{"never forgets", func(s *store) {
			s.until = func(home, time.Duration) time.Time { return time.Now().Add(24 * time.Hour) }
		}, []string{"goes", "reading", "time anew", "no time"}},
		{"forgets at once", func(s *store) {
			s.until = func(_ home, ttl time.Duration) time.Time { return time.Now().Add(min(ttl, 100*time.Millisecond)) }
		}, []string{"stays", "time anew"}},
		{"takes seconds for milliseconds", func(s *store) {
			s.until = func(_ home, ttl time.Duration) time.Time { return time.Now().Add(ttl.Truncate(time.Second)) }
		}, []string{"stays"}},
		{"keeps the first time", func(s *store) {
			s.until = func(before home, ttl time.Duration) time.Time {
				if !before.until.IsZero() {
					return before.until
				}
				return time.Now().Add(ttl)
			}
		}, []string{"time anew"}},
		{"keeps the longest time", func(s *store) {
			s.until = func(before home, ttl time.Duration) time.Time {
				if until := time.Now().Add(ttl); until.After(before.until) {
					return until
				}
				return before.until
			}
		}, []string{"time anew"}},
		{"prolonged by reading", func(s *store) { s.prolongs = true }, []string{"reading"}},
		{"no time is for ever", func(s *store) { s.noTime = true }, []string{"no time"}},
		{"mixes capitals", func(s *store) { s.key = strings.ToLower }, []string{"apart"}},
		{"trims", func(s *store) { s.key = strings.TrimSpace }, []string{"apart"}},
		{"ends keys at a zero", func(s *store) {
			s.key = func(k string) string { k, _, _ = strings.Cut(k, "\x00"); return k }
		}, []string{"apart"}},
		{"cuts keys", func(s *store) { s.key = func(k string) string { return k[:min(len(k), 255)] } }, []string{"apart"}},
		{"mends accounts", func(s *store) {
			s.account = func(a string) string { return strings.ToValidUTF8(a, "?") }
		}, []string{"kept whole"}},
		{"the first counts", func(s *store) { s.first = true }, []string{"last counts"}},
		{"in the wrong order", func(s *store) { s.reversed = true }, []string{"order"}},
		{"leaves out the unknown", func(s *store) { s.short = true }, []string{"unknown", "order"}},
		{"fails for the unknown", func(s *store) { s.failing = true }, []string{"unknown"}},
		{"keeps the first key", func(s *store) {
			s.puts = func(keys []string) []string { return keys[:min(len(keys), 1)] }
		}, []string{"all keys"}},
		{"keeps a hundred keys", func(s *store) {
			s.puts = func(keys []string) []string { return keys[:min(len(keys), 100)] }
		}, []string{"all keys"}},
		{"cannot delete", func(s *store) { s.forgets = func([]string) []string { return nil } }, []string{"delete"}},
		{"deletes the first", func(s *store) {
			s.forgets = func(keys []string) []string { return keys[:min(len(keys), 1)] }
		}, []string{"delete"}},
		{"deletes all for none", func(s *store) {
			s.forgets = func(keys []string) []string {
				if len(keys) == 0 {
					clear(s.homes)
				}
				return keys
			}
		}, []string{"no keys"}},
		{"sorts the caller's keys", func(s *store) {
			s.puts = func(keys []string) []string { slices.Reverse(keys); return keys }
		}, []string{"callers own"}},
		{"loses what comes at once", func(s *store) { s.racy = true }, []string{"at once"}},
		{"heedless of the context", func(s *store) { s.heedless = true }, []string{"done context"}},
	}
	met := map[string]bool{}
	for _, c := range cases {
		for _, name := range c.caught {
			met[name] = true
		}
		t.Run(c.name, func(t *testing.T) {
			broken := affinitytest.Broken(t, newStore(c.breakIt))
			assert.Subset(t, broken, c.caught)
			assert.Less(t, len(broken), 10, "so broken that it proves nothing: %v", broken)
		})
	}
	assert.Len(t, met, affinitytest.Promises, "each promise can be broken: %v", met)
	assert.Empty(t, affinitytest.Broken(t, newStore(func(*store) {})), "a sound store passes")
}
