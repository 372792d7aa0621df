package redishealth_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/health/redishealth"
)

const (
	ofALaterVersion = "12345678\xff and what it means by it"
	cutShort        = "12345678\x02\x00"
	notEvenAName    = "x"
)

// reports are what a store tells of states that it cannot read.
type reports struct {
	mu   sync.Mutex
	told []string
}

func (r *reports) tell(s health.Subject, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, fmt.Sprint(s, ": ", err))
}

func (r *reports) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	told := r.told
	r.told = nil
	return told
}

// telling is a store that tells of what it cannot read.
func telling(t *testing.T, script redishealth.Script) (*redishealth.Store, *reports) {
	t.Helper()
	told := &reports{}
	store, err := redishealth.New(redishealth.Config{Script: script, Unreadable: told.tell})
	require.NoError(t, err)
	return store, told
}

// fieldOf is the name of an account in the store.
func fieldOf(name string) string { return fmt.Sprintf("1:%d:%s:", len(name), name) }

// TestOneStateThatCannotBeRead leaves the others as they are, and is told once.
func TestOneStateThatCannotBeRead(t *testing.T) {
	for name, stored := range map[string]string{"a later version's": ofALaterVersion, "cut short": cutShort, "no state": notEvenAName} {
		t.Run(name, func(t *testing.T) {
			s := &server{states: map[string]string{}}
			store, told := telling(t, s.script)
			bad := health.State{Failures: 7}
			_, err := store.Update(t.Context(), account("good"), become(bad))
			require.NoError(t, err)
			s.states[fieldOf("odd")] = stored
			for range 3 {
				states, err := store.Load(t.Context(), []health.Subject{account("odd"), account("good"), account("none")})
				require.NoError(t, err)
				assert.Equal(t, []health.State{{}, bad, {}}, states, "it counts as not known")
			}
			all := told.take()
			require.Len(t, all, 1, "once")
			assert.Contains(t, all[0], `account "odd": `)
			assert.Equal(t, stored, s.states[fieldOf("odd")])

			s.states[fieldOf("odd")] = stored + "!"
			_, err = store.Load(t.Context(), []health.Subject{account("odd")})
			require.NoError(t, err)
			assert.Len(t, told.take(), 1, "another one")
		})
	}
}

func TestUpdateOfAStateThatCannotBeRead(t *testing.T) {
	count := func(s health.State) health.State { s.Failures++; return s }
	same := func(s health.State) health.State { return s }
	t.Run("a later version's is left alone", func(t *testing.T) {
		s := &server{states: map[string]string{fieldOf("odd"): ofALaterVersion}}
		store, told := telling(t, s.script)
		for _, f := range []func(health.State) health.State{count, same, become(health.State{})} {
			_, err := store.Update(t.Context(), account("odd"), f)
			require.ErrorIs(t, err, redishealth.ErrUnreadable)
			require.ErrorContains(t, err, `update account "odd"`)
			require.ErrorContains(t, err, "format 255 is not known")
			require.Equal(t, ofALaterVersion, s.states[fieldOf("odd")])
		}
		assert.Len(t, told.take(), 1)
	})
	for name, f := range map[string]func(health.State) health.State{"counted": count, "same": same} {
		t.Run("a damaged one is replaced: "+name, func(t *testing.T) {
			s := &server{states: map[string]string{fieldOf("odd"): cutShort}}
			store, told := telling(t, s.script)
			want := f(health.State{})
			after, err := store.Update(t.Context(), account("odd"), f)
			require.NoError(t, err)
			assert.Equal(t, want, after)
			assert.Len(t, told.take(), 1, "not in silence")
			assert.NotEqual(t, cutShort, s.states[fieldOf("odd")])
			states, err := store.Load(t.Context(), []health.Subject{account("odd")})
			require.NoError(t, err)
			assert.Equal(t, want, states[0])
			assert.Empty(t, told.take())
		})
	}
}

// TestChangesPassOverWhatCannotBeRead goes on to the next page, and tells of it once.
func TestChangesPassOverWhatCannotBeRead(t *testing.T) {
	s := &server{states: map[string]string{}}
	_, err := newStore(t, s.script).Update(t.Context(), account("good"), become(health.State{Failures: 1}))
	require.NoError(t, err)
	good := s.states[fieldOf("good")]
	long := strings.Repeat("no name ", 1000)
	reply := []any{"0", "e", "7", "3", "1", []any{
		fieldOf("later"), ofALaterVersion, fieldOf("good"), good, fieldOf("cut"), cutShort, long, good, fieldOf("gone"), nil,
	}}
	store, told := telling(t, func(context.Context, string, []string, ...any) (any, error) { return reply, nil })
	for range 2 {
		page, err := store.Changes(t.Context(), "")
		require.NoError(t, err)
		assert.Equal(t, []health.Change{{Subject: account("good"), State: health.State{Failures: 1}}, {Subject: account("gone")}}, page.States)
		assert.Equal(t, "e.7.3", page.Next)
		assert.True(t, page.More)
	}
	all := told.take()
	require.Len(t, all, 3)
	assert.Contains(t, all[0], `account "later": `)
	assert.Contains(t, all[1], `account "cut": `)
	assert.Contains(t, all[2], "the name of a subject")
	assert.Less(t, len(all[2]), 500)
}

// TestReportsAreBounded tells of many, and remembers some of them.
func TestReportsAreBounded(t *testing.T) {
	s := &server{states: map[string]string{}}
	subjects := make([]health.Subject, 3000)
	for i := range subjects {
		subjects[i] = account(fmt.Sprint(i))
		s.states[fieldOf(fmt.Sprint(i))] = cutShort
	}
	store, told := telling(t, s.script)
	_, err := store.Load(t.Context(), subjects)
	require.NoError(t, err)
	assert.Len(t, told.take(), 3000)
	_, err = newStore(t, s.script).Load(t.Context(), subjects)
	require.NoError(t, err, "nobody needs to be told")
}
