package redisquota_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

// told is the arguments of a call by which it tells of reservations whose answers were lost.
func (c call) told() []string {
	place := 2 // of Reserve
	if len(c.args) == 7 {
		place = 6 // of Settle
	}
	text, _ := c.args[place].(string)
	return strings.Fields(text)
}

// TestWhatWasLostIsCanceled has answers lost: the next calls for the key tell the server of it, until one is answered.
func TestWhatWasLostIsCanceled(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	s := ok()
	store, limits := open(t, s), []quota.Limit{daily}
	reserve := func(key string) (call, error) {
		_, err := store.Reserve(t.Context(), key, limits, one, time.Minute)
		return s.calls[len(s.calls)-1], err
	}
	id := func(c call) string { return c.args[0].(string) }
	settle := func(key string) (call, error) {
		err := store.Settle(t.Context(), quota.Reservation{ID: "known", Key: key}, one)
		return s.calls[len(s.calls)-1], err
	}

	s.err = broken
	first, err := reserve("acme")
	require.ErrorIs(t, err, broken)
	assert.Empty(t, first.told())
	second, err := reserve("acme")
	require.ErrorIs(t, err, broken)
	assert.Equal(t, []string{id(first)}, second.told())
	c, err := settle("acme")
	require.ErrorIs(t, err, broken)
	assert.Equal(t, []string{id(first), id(second)}, c.told(), "a Settle tells of it too")
	other, err := reserve("other")
	require.ErrorIs(t, err, broken)
	assert.Empty(t, other.told(), "the keys of a call are in one slot")

	s.err = nil
	c, err = reserve("acme")
	require.NoError(t, err)
	assert.Equal(t, []string{id(first), id(second)}, c.told())
	c, err = reserve("acme")
	require.NoError(t, err)
	assert.Empty(t, c.told(), "the server has heard of it")
	c, err = settle("other")
	require.NoError(t, err)
	assert.Equal(t, []string{id(other)}, c.told())
	c, err = settle("other")
	require.NoError(t, err)
	assert.Empty(t, c.told())
}

// TestARefusalCancelsToo has the call that tells of the lost refused.
func TestARefusalCancelsToo(t *testing.T) {
	t.Parallel()
	s := ok()
	store, limits := open(t, s), []quota.Limit{daily}
	s.err = errors.New("broken")
	_, err := store.Reserve(t.Context(), "acme", limits, one, time.Minute)
	require.Error(t, err)
	s.err, s.replies = nil, []any{[]any{"full", at(time.Now()), "10", "0"}, []any{"ok", at(time.Now())}}
	_, err = store.Reserve(t.Context(), "acme", limits, one, time.Minute)
	require.ErrorIs(t, err, quota.ErrExceeded)
	assert.Len(t, s.calls[1].told(), 1)
	_, err = store.Reserve(t.Context(), "acme", limits, one, time.Minute)
	require.NoError(t, err)
	assert.Empty(t, s.calls[2].told())
}

// TestWhatWasNotMadeIsNotLost has calls that for certain reserved nothing.
func TestWhatWasNotMadeIsNotLost(t *testing.T) {
	t.Parallel()
	s := ok()
	store, limits := open(t, s), []quota.Limit{daily}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := store.Reserve(gone, "acme", limits, one, time.Minute)
	require.ErrorIs(t, err, context.Canceled)
	s.replies = []any{[]any{"full", at(time.Now()), "10", "0"}}
	_, err = store.Reserve(t.Context(), "acme", limits, one, time.Minute)
	require.ErrorIs(t, err, quota.ErrExceeded)
	s.replies = []any{[]any{"stale", at(time.Now())}} // for ever
	_, err = store.Reserve(t.Context(), "acme", limits, one, time.Minute)
	require.Error(t, err)
	s.replies = []any{[]any{"ok", at(time.Now())}}
	_, err = store.Reserve(t.Context(), "acme", limits, one, time.Minute)
	require.NoError(t, err)
	assert.Empty(t, s.calls[len(s.calls)-1].told())
}
