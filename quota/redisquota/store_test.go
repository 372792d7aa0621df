package redisquota_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/redisquota"
)

// call is one call of a script.
type call struct {
	script string
	keys   []string
	args   []any
}

// server answers scripts as it is told, one after the other and the last for ever, and remembers what it was asked.
type server struct {
	replies []any
	err     error
	calls   []call
}

func (s *server) run(_ context.Context, script string, keys []string, args ...any) (any, error) {
	s.calls = append(s.calls, call{script, keys, args})
	if s.err != nil {
		return nil, s.err
	}
	reply := s.replies[0]
	if len(s.replies) > 1 {
		s.replies = s.replies[1:]
	}
	return reply, nil
}

func open(t *testing.T, s *server) *redisquota.Store {
	t.Helper()
	store, err := redisquota.New(redisquota.Config{Script: s.run})
	require.NoError(t, err)
	return store
}

// at is a time as scripts tell it.
func at(t time.Time) string { return fmt.Sprint(t.UnixMicro()) }

func ok() *server { return &server{replies: []any{[]any{"ok", at(time.Now())}}} }

var (
	minutely = quota.Limit{Unit: quota.Requests, Max: 10, Window: quota.Rolling(time.Minute)}
	daily    = quota.Limit{Unit: quota.Cost, Max: 10, Window: quota.Daily(9*time.Hour, nil)}
	one      = quota.Amount{Requests: 1, Cost: 1}
)

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []redisquota.Config{{}, {Script: ok().run, Prefix: "{a}"}, {Script: ok().run, Prefix: "a}"}} {
		_, err := redisquota.New(c)
		assert.ErrorContains(t, err, "redisquota: Config.")
	}
}

// calls are the methods of a store, each called with what makes sense.
func calls(ctx context.Context, s *redisquota.Store) map[string]func() error {
	limits, r := []quota.Limit{minutely, daily}, quota.Reservation{ID: "id", Key: "acme"}
	return map[string]func() error{
		"reserve": func() error { _, err := s.Reserve(ctx, "acme", limits, one, time.Minute); return err },
		"settle":  func() error { return s.Settle(ctx, r, one) },
		"renew":   func() error { _, err := s.Renew(ctx, r, time.Minute); return err },
		"levels":  func() error { _, err := s.Levels(ctx, "acme", limits); return err },
		"reset":   func() error { return s.Reset(ctx, "acme") },
		"grant":   func() error { return s.Grant(ctx, "acme", limits, one) },
	}
}

func TestKeysShareASlot(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	for _, key := range []string{"acme", "{acme}", "}", "{}", "a}b", "a%7Db", "%", "a:b", "ä\x00", strings.Repeat("x", 5000)} {
		s := ok()
		store := open(t, s)
		_, err := store.Reserve(t.Context(), key, nil, one, time.Minute)
		require.NoError(t, err)
		require.NoError(t, store.Grant(t.Context(), key, nil, one))
		for _, c := range s.calls {
			for _, name := range c.keys {
				tag, rest, closed := strings.Cut(strings.TrimPrefix(name, "{"), "}")
				require.True(t, closed)
				assert.True(t, strings.HasPrefix(tag, "aitransport:quota:") && strings.HasPrefix(rest, ":"), name)
				if other, known := names[tag]; known {
					assert.Equal(t, other, key, "two keys have one name")
				}
				names[tag] = key
			}
		}
		assert.Len(t, s.calls[0].keys, 4)
		assert.Len(t, s.calls[1].keys, 5)
	}
}

func TestErrorOfTheServer(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	s := &server{err: broken}
	for name, do := range calls(t.Context(), open(t, s)) {
		err := do()
		require.ErrorIs(t, err, broken, name)
		assert.ErrorContains(t, err, `redisquota: `+name+` for key "acme" (keys {aitransport:quota:…}): `)
		assert.NotErrorIs(t, err, quota.ErrExceeded)
	}
}

func TestRepliesOfSomethingElse(t *testing.T) {
	t.Parallel()
	now := at(time.Now())
	replies := []any{
		nil, "ok", int64(1), []any{}, []any{"ok"}, []any{"ok", nil}, []any{"ok", "soon"}, []any{int64(1), now},
		[]any{"", now}, []any{"no", now}, []any{"ok", now, "1", "x"}, []any{"full", now}, []any{"full", now, "1"},
		[]any{"full", now, "0", "0", "0", "0"}, // there is room
	}
	for _, reply := range replies {
		for name, do := range calls(t.Context(), open(t, &server{replies: []any{reply}})) {
			assert.ErrorContains(t, do(), "redisquota: "+name, "%v", reply)
		}
	}
}

func TestTextAsBytes(t *testing.T) {
	t.Parallel()
	now := []byte(at(time.Now()))
	s := &server{replies: []any{[]any{[]byte("full"), now, []byte("9"), []byte("0"), []byte("10"), []byte("0")}}}
	_, err := open(t, s).Reserve(t.Context(), "acme", []quota.Limit{minutely, daily}, one, time.Minute)
	var exceeded *quota.ExceededError
	require.ErrorAs(t, err, &exceeded)
	assert.Equal(t, daily, exceeded.Limit)
	assert.Equal(t, int64(10), exceeded.Used)
}

func TestNothingIsSentInVain(t *testing.T) {
	t.Parallel()
	s := ok()
	store := open(t, s)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for name, do := range calls(done, store) {
		assert.ErrorIs(t, do(), context.Canceled, name)
	}
	local := quota.Limit{Unit: quota.Cost, Max: 1, Window: quota.Daily(0, time.Local)}
	large := quota.Limit{Unit: quota.Cost, Max: math.MaxInt64, Window: quota.Total()}
	for _, l := range []quota.Limit{{}, local, large} {
		if l == local && l.Window.ID() != "" {
			continue // this machine's zone is one with a fixed offset
		}
		limits := []quota.Limit{minutely, l}
		_, err := store.Reserve(t.Context(), "acme", limits, one, time.Minute)
		assert.ErrorIs(t, err, quota.ErrInvalid)
		_, err = store.Levels(t.Context(), "acme", limits)
		assert.ErrorIs(t, err, quota.ErrInvalid)
		assert.ErrorIs(t, store.Grant(t.Context(), "acme", limits, one), quota.ErrInvalid)
	}
	assert.ErrorIs(t, store.Reset(t.Context(), ""), quota.ErrInvalid)
	assert.Empty(t, s.calls)
}

// TestStaleBounds has a server whose clock is a month ahead: one call more, once.
func TestStaleBounds(t *testing.T) {
	t.Parallel()
	theirs := time.Now().AddDate(0, 1, 0)
	s := &server{replies: []any{[]any{"stale", at(theirs)}, []any{"ok", at(theirs)}}}
	store, limits := open(t, s), []quota.Limit{daily}
	for n := 2; n < 5; n++ {
		r, err := store.Reserve(t.Context(), "acme", limits, one, time.Minute)
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now().Add(time.Minute), r.Expires, time.Second, "on our clock")
		require.Len(t, s.calls, n)
		start, end := daily.Window.Bounds(theirs)
		_, next := daily.Window.Bounds(end)
		args := s.calls[n-1].args
		assert.Equal(t, []any{at(start), at(end), at(next)}, args[len(args)-3:])
		assert.NotEqual(t, s.calls[0].args[5:], args[5:])
	}
	assert.Equal(t, s.calls[0].args[0], s.calls[1].args[0], "it is still the same reservation")
}

func TestTimesOfTheServer(t *testing.T) {
	t.Parallel()
	theirs := time.Now().Add(100 * time.Hour)
	in := func(d time.Duration) string { return at(theirs.Add(d)) }
	s := &server{replies: []any{[]any{"ok", at(theirs), "5", in(time.Minute), "7", in(time.Hour), "-3", "0"}}}
	levels, err := open(t, s).Levels(t.Context(), "acme", []quota.Limit{minutely, daily, {Unit: quota.Cost, Max: 10, Window: quota.Total()}})
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(time.Minute), levels[0].EmptyAt, time.Second, "a minute from now")
	assert.WithinDuration(t, theirs.Add(time.Hour), levels[1].EmptyAt, time.Microsecond, "when the day ends")
	assert.True(t, levels[2].EmptyAt.IsZero())
	assert.Equal(t, []int64{5, 3, 13}, []int64{levels[0].Left, levels[1].Left, levels[2].Left})
}
