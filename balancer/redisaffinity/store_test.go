package redisaffinity_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/balancer/redisaffinity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server does what the scripts do. The suite for stores is run in the examples, with real
// servers.
type server struct {
	mu    sync.Mutex
	homes map[string]home
	text  func(string) any
	calls [][]string // the keys of each
}

type home struct {
	account string
	until   time.Time
}

func newServer() *server {
	return &server{homes: map[string]home{}, text: func(s string) any { return s }}
}

func (s *server) script(_ context.Context, script string, keys []string, args ...any) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, keys)
	var found []any
	for _, key := range keys {
		switch {
		case strings.Contains(script, "MGET"):
			found = append(found, nil)
			if h, ok := s.homes[key]; ok && time.Now().Before(h.until) {
				found[len(found)-1] = s.text(h.account)
			}
		case strings.Contains(script, "SET"):
			millis, err := strconv.Atoi(args[1].(string))
			if err != nil {
				return nil, err
			}
			s.homes[key] = home{args[0].(string), time.Now().Add(time.Duration(millis) * time.Millisecond)}
		case strings.Contains(script, "DEL"):
			delete(s.homes, key)
		}
	}
	if found == nil {
		return int64(len(keys)), nil
	}
	return found, nil
}

func newStore(t *testing.T, cfg redisaffinity.Config) *redisaffinity.Store {
	t.Helper()
	store, err := redisaffinity.New(cfg)
	require.NoError(t, err)
	return store
}

func TestNewRefuses(t *testing.T) {
	script := newServer().script
	for want, cfg := range map[string]redisaffinity.Config{
		"Config.Script is nil":                      {},
		`Config.Prefix "{a" holds a brace`:          {Script: script, Prefix: "{a"},
		"Config.Slots -1: between 0 (1) and 1024":   {Script: script, Slots: -1},
		"Config.Slots 1025: between 0 (1) and 1024": {Script: script, Slots: 1025},
	} {
		_, err := redisaffinity.New(cfg)
		assert.ErrorContains(t, err, "redisaffinity: "+want)
	}
}

func TestTextOfAnyClient(t *testing.T) {
	for name, text := range map[string]func(string) any{
		"string": func(s string) any { return s }, "[]byte": func(s string) any { return []byte(s) },
	} {
		s := newServer()
		s.text = text
		store := newStore(t, redisaffinity.Config{Script: s.script})
		require.NoError(t, store.Put(t.Context(), "main \x00\xff", time.Hour, "k"))
		got, err := store.Get(t.Context(), "nobody", "k", "k")
		require.NoError(t, err, name)
		assert.Equal(t, []string{"", "main \x00\xff", "main \x00\xff"}, got, name)
	}
}

func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t, redisaffinity.Config{Script: newServer().script})
		for ttl, whole := range map[time.Duration]time.Duration{
			time.Nanosecond: time.Millisecond, time.Millisecond: time.Millisecond,
			time.Millisecond + 1: 2 * time.Millisecond, time.Hour: time.Hour,
		} {
			require.NoError(t, store.Put(t.Context(), "a", ttl, "k"))
			time.Sleep(whole - 1)
			got, err := store.Get(t.Context(), "k")
			require.NoError(t, err)
			assert.Equal(t, []string{"a"}, got, "just before %v", whole)
			time.Sleep(time.Nanosecond)
			got, err = store.Get(t.Context(), "k")
			require.NoError(t, err)
			assert.Equal(t, []string{""}, got, "after %v", whole)
		}
		require.NoError(t, store.Put(t.Context(), "a", 1<<63-1, "k"), "as long as a Duration can be")
	})
}

func TestSlots(t *testing.T) {
	keys := make([]string, 128)
	for i := range keys {
		keys[i] = fmt.Sprint("key {", i, "}")
	}
	tag := regexp.MustCompile(`^\{([^{}]+)\}:[A-Za-z0-9_-]{43}$`)
	for _, slots := range []int{0, 1, 2, 16, 1024} {
		s := newServer()
		store := newStore(t, redisaffinity.Config{Script: s.script, Prefix: "p", Slots: slots})
		require.NoError(t, store.Put(t.Context(), "a", time.Hour, keys...))
		seen := map[string]bool{}
		for _, call := range s.calls {
			first := tag.FindStringSubmatch(call[0])
			require.NotNil(t, first, call[0])
			assert.NotContains(t, seen, first[1], "one call a slot")
			seen[first[1]] = true
			for _, key := range call {
				require.Regexp(t, "^"+regexp.QuoteMeta("{"+first[1]+"}:"), key)
			}
		}
		if slots <= 16 {
			assert.Len(t, seen, max(slots, 1))
		}
		got, err := store.Get(t.Context(), keys...)
		require.NoError(t, err)
		for _, account := range got {
			require.Equal(t, "a", account)
		}
		require.NoError(t, store.Delete(t.Context(), keys...))
		assert.Empty(t, s.homes)
	}
}

func TestErrors(t *testing.T) {
	broken := errors.New("connection refused")
	for want, reply := range map[string]any{
		"the reply is of type string, want a list":        "OK",
		"the reply is a list of 1, want one of 2":         []any{nil},
		"a list with a part of type int64, want text":     []any{"a", int64(1)},
		"the reply is of type <nil>, want a list ([]any)": nil,
	} {
		store := newStore(t, redisaffinity.Config{Script: func(context.Context, string, []string, ...any) (any, error) { return reply, nil }})
		_, err := store.Get(t.Context(), "secret-1", "secret-2")
		assert.ErrorContains(t, err, "redisaffinity: get 2 keys ({aitransport:affinity}:…): ")
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "secret")
	}
	for _, slots := range []int{1, 8} {
		store := newStore(t, redisaffinity.Config{Slots: slots, Script: func(context.Context, string, []string, ...any) (any, error) { return nil, broken }})
		_, err := store.Get(t.Context(), "a", "b", "c", "d")
		assert.ErrorIs(t, err, broken)
		assert.ErrorIs(t, store.Put(t.Context(), "a", time.Hour, "a", "b", "c", "d"), broken)
		assert.ErrorIs(t, store.Delete(t.Context(), "a", "b", "c", "d"), broken)
		assert.ErrorContains(t, store.Delete(t.Context(), make([]string, 129)...), "redisaffinity: delete 129 keys")
	}
}
