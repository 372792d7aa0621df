package redishealth_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/health/healthtest"
	"github.com/aitransport/aitransport/health/redishealth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStoreKeepsEveryPromise(t *testing.T) {
	for name, s := range map[string]*server{
		"text as string": {},
		"text as []byte": {text: func(s string) any { return []byte(s) }, none: []byte(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			healthtest.Run(t, func(t *testing.T) health.Store {
				fresh := &server{states: map[string]string{}, text: s.text, none: s.none}
				return struct{ health.Store }{newStore(t, fresh.script)} // Changes needs a real server
			})
		})
	}
}

func TestNewRefuses(t *testing.T) {
	script := (&server{}).script
	for want, cfg := range map[string]redishealth.Config{
		"Config.Script is nil":               {},
		`Config.Prefix "a{b}" holds a brace`: {Script: script, Prefix: "a{b}"},
		`Config.Prefix "}" holds a brace`:    {Script: script, Prefix: "}"},
	} {
		_, err := redishealth.New(cfg)
		assert.ErrorContains(t, err, "redishealth: "+want)
	}
}

func TestKeysAreInOneSlot(t *testing.T) {
	for prefix, tag := range map[string]string{"": "{aitransport:health}:", "mine": "{mine}:"} {
		seen := map[string]bool{}
		store, err := redishealth.New(redishealth.Config{Prefix: prefix, Script: func(_ context.Context, _ string, keys []string, args ...any) (any, error) {
			for _, key := range keys {
				seen[key] = true
				assert.Regexp(t, "^"+tag, key)
			}
			for _, arg := range args {
				assert.IsType(t, "", arg)
			}
			return nil, errors.New("enough")
		}})
		require.NoError(t, err)
		_, err = store.Load(t.Context(), []health.Subject{account("a")})
		require.Error(t, err)
		_, err = store.Update(t.Context(), account("a"), become(health.State{Failures: 1}))
		require.Error(t, err)
		_, err = store.Changes(t.Context(), "")
		require.Error(t, err)
		assert.Len(t, seen, 5)
	}
}

func TestRepliesOfTheWrongShape(t *testing.T) {
	state := []any{"not", "123456789"}
	cases := []struct {
		name                  string
		reply                 any
		load, update, changes string // "": no error
	}{
		{"none", nil, "the reply is of type <nil>, want a list", "the reply is of type <nil>, want a list", "the reply is of type <nil>, want a list"},
		{"text", "OK", "the reply is of type string", "the reply is of type string", "the reply is of type string"},
		{"empty", []any{}, "a list of 0, want one of 1", "a list of 0, want set", "a list of 0, want one of 6"},
		{"two", []any{"a", "b"}, "a list of 2, want one of 1", "a list of 2, want set", "a list of 2, want one of 6"},
		{"numbers", []any{int64(1)}, "a list with a part of type int64, want text", "a list with a part of type int64, want text", "a list of 1"},
		{"short", []any{"x"}, "", "a list of 1, want set", "a list of 1"},
		{"a state", state, "a list of 2", "health: state: format 57 is not known", "a list of 2"},
		{"no page", []any{"1", "e", "2", "3", "0", "x"}, "a list of 6", "a list of 6", "the reply is of type string"},
		{"no pairs", []any{"1", "e", "2", "3", "0", []any{"x"}}, "a list of 6", "a list with a part of type []interface {}", "pairs of subject and state"},
		{"no subject", []any{"1", "e", "2", "3", "0", []any{"x", "y"}}, "a list of 6", "a list with a part of type []interface {}", ""},
		{"a subject", []any{"1", "e", "2", "3", "0", []any{"1:1:a:", nil}}, "a list of 6", "a list with a part of type []interface {}", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			store := newStore(t, func(context.Context, string, []string, ...any) (any, error) { return c.reply, nil })
			_, load := store.Load(t.Context(), []health.Subject{account("a")})
			_, update := store.Update(t.Context(), account("a"), become(health.State{Failures: 1}))
			_, changes := store.Changes(t.Context(), "")
			for want, err := range map[*string]error{&c.load: load, &c.update: update, &c.changes: changes} {
				if *want == "" {
					assert.NoError(t, err)
				} else {
					assert.ErrorContains(t, err, *want)
				}
			}
		})
	}
}

func TestNamesOfSubjects(t *testing.T) {
	subjects := []health.Subject{
		{}, account(""), account("a"), account("1:1:a:"), account("ä {x}\x00\n"),
		{Kind: 255, Name: "a:b", Model: "c:d"}, {Kind: health.KindRoute, Name: "socks5://h:1 https://a:443"}, {Kind: health.KindAccountModel, Model: "m"},
	}
	for _, subject := range subjects {
		var name any
		store := newStore(t, func(_ context.Context, _ string, keys []string, args ...any) (any, error) {
			if len(keys) == 1 {
				name = args[0]
				return []any{nil}, nil
			}
			return []any{"1", "e", "2", "3", "0", []any{name, nil}}, nil
		})
		_, err := store.Load(t.Context(), []health.Subject{subject})
		require.NoError(t, err)
		page, err := store.Changes(t.Context(), "")
		require.NoError(t, err)
		assert.Equal(t, []health.Change{{Subject: subject}}, page.States)
	}
}

func TestErrorsOfTheScript(t *testing.T) {
	broken := errors.New("dial tcp 127.0.0.1:6379: connection refused")
	store := newStore(t, func(context.Context, string, []string, ...any) (any, error) { return nil, broken })
	_, err := store.Load(t.Context(), []health.Subject{account("a")})
	assert.ErrorIs(t, err, broken)
	assert.ErrorContains(t, err, "redishealth: load (keys {aitransport:health}): dial")
	_, err = store.Update(t.Context(), account("a"), become(health.State{Failures: 1}))
	assert.ErrorIs(t, err, broken)
	assert.ErrorContains(t, err, `redishealth: update account "a" (keys {aitransport:health}): dial`)
	_, err = store.Changes(t.Context(), "")
	assert.ErrorIs(t, err, broken)
}

// TestUpdateGivesUp has somebody else change the state before every swap.
func TestUpdateGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		other := &server{states: map[string]string{}}
		rival := newStore(t, (&server{states: other.states}).script)
		other.then = func(ctx context.Context, _ *server) error {
			n++
			_, err := rival.Update(ctx, account("a"), become(health.State{Failures: n}))
			return err
		}
		store := newStore(t, other.script)
		begun, runs := time.Now(), 0
		_, err := store.Update(t.Context(), account("a"), func(s health.State) health.State { runs++; s.Rests++; return s })
		assert.ErrorIs(t, err, redishealth.ErrContended)
		assert.Equal(t, 100, runs)
		assert.Greater(t, time.Since(begun), 500*time.Millisecond, "it lets the others go on")
		assert.Less(t, time.Since(begun), 5*time.Second)

		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		begun = time.Now()
		_, err = store.Update(ctx, account("a"), func(s health.State) health.State { s.Rests++; return s })
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 20*time.Millisecond, time.Since(begun))
	})
}

// TestUpdatesOfOneProgramTakeTurns counts the calls that many callers need who change
// the same subject at the same time.
func TestUpdatesOfOneProgramTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{states: map[string]string{}}
		inner := newStore(t, s.script)
		_, err := inner.Update(t.Context(), account("a"), become(health.State{Failures: 1}))
		require.NoError(t, err)
		store := newStore(t, func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
			time.Sleep(time.Millisecond) // the network
			return s.script(ctx, script, keys, args...)
		})
		const callers = 50
		s.calls = 0
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				_, err := store.Update(t.Context(), account("a"), func(s health.State) health.State { s.Failures++; return s })
				assert.NoError(t, err)
			})
		}
		all.Wait()
		states, err := inner.Load(t.Context(), []health.Subject{account("a")})
		require.NoError(t, err)
		assert.Equal(t, callers+1, states[0].Failures)
		assert.LessOrEqual(t, s.calls, 3*callers+1)
	})
}

// TestWhoWaitsForATurnObeysTheContext has one caller's call hang.
func TestWhoWaitsForATurnObeysTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{states: map[string]string{}}
		inner := newStore(t, s.script)
		_, err := inner.Update(t.Context(), account("a"), become(health.State{Failures: 1}))
		require.NoError(t, err)
		hang := make(chan struct{})
		store := newStore(t, func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
			if args[1] != "" { // the second call of an update, which has the turn
				<-hang
			}
			return s.script(ctx, script, keys, args...)
		})
		count := func(s health.State) health.State { s.Failures++; return s }
		var first sync.WaitGroup
		first.Go(func() {
			_, err := store.Update(t.Context(), account("a"), count)
			assert.NoError(t, err)
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = store.Update(ctx, account("a"), count)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = store.Load(t.Context(), nil)
		assert.NoError(t, err)
		close(hang)
		first.Wait()
		after, err := store.Update(t.Context(), account("a"), count)
		require.NoError(t, err)
		assert.Equal(t, 3, after.Failures)
	})
}

func ExampleNew() {
	// With go-redis: return redis.NewScript(script).Run(ctx, client, keys, args...).Result()
	script := (&server{states: map[string]string{}}).script
	store, err := redishealth.New(redishealth.Config{Script: script, Prefix: "gateway:health"})
	if err != nil {
		panic(err)
	}
	var policy health.Policy
	subject := health.Subject{Kind: health.KindAccount, Name: "main"}
	refused := health.Outcome{Kind: health.OutcomeRest, Until: time.Now().Add(time.Minute), Reason: "429"}
	state, err := store.Update(context.Background(), subject, func(s health.State) health.State {
		return policy.Apply(s, refused, time.Now())
	})
	fmt.Println(state.Phase(time.Now()), state.Reason, err)
	// Output: open 429 <nil>
}
