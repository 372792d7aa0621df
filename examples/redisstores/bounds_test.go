package redisstores_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer/redisaffinity"
	"github.com/aitransport/aitransport/examples/redisstores"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/health/redishealth"
)

// bounded is a store with bounds, on a server of its own.
func bounded(t *testing.T, cfg redishealth.Config) (*redishealth.Store, redis.UniversalClient) {
	t.Helper()
	client, _ := connect(t, nil, worlds[0].start(t)...)
	cfg.Script = redisstores.Script(client)
	store, err := redishealth.New(cfg)
	require.NoError(t, err)
	return store, client
}

func put(t *testing.T, store health.Store, subject health.Subject, s health.State) {
	t.Helper()
	_, err := store.Update(t.Context(), subject, become(s))
	require.NoError(t, err)
}

func model(name string) health.Subject {
	return health.Subject{Kind: health.KindAccountModel, Name: "main", Model: name}
}

// known is what a program learns that asks for everything.
func known(t *testing.T, store health.Changer) map[health.Subject]health.State {
	t.Helper()
	states := map[health.Subject]health.State{}
	for cursor := ""; ; {
		page, err := store.Changes(t.Context(), cursor)
		require.NoError(t, err)
		for _, c := range page.States {
			states[c.Subject] = c.State
		}
		if !page.More {
			return states
		}
		cursor = page.Next
	}
}

func TestHealthForgetsWhatIsMissedLeast(t *testing.T) {
	t.Parallel()
	store, client := bounded(t, redishealth.Config{MaxSubjects: 20})
	soon := health.State{RestUntil: time.Now().UTC().Round(0).Add(time.Hour)}
	kept := map[health.Subject]health.State{
		account("rests"):    soon,
		account("disabled"): {Disabled: true},
		model("disabled"):   {Disabled: true},
	}
	for subject, s := range kept {
		put(t, store, subject, s)
	}
	page, err := store.Changes(t.Context(), "")
	require.NoError(t, err)
	for i := range 500 {
		put(t, store, model(fmt.Sprint("made up ", i)), health.State{Failures: 1})
	}
	got := known(t, store)
	assert.Len(t, got, 20)
	for subject, s := range kept {
		assert.Equal(t, s, got[subject], "%v", subject)
	}
	assert.Contains(t, got, model("made up 499"), "the newest has found room")

	for key, most := range map[string]int64{"idle": 20, "gone": 20, "changes": 40} {
		n, err := client.ZCard(t.Context(), "{aitransport:health}:"+key).Result()
		require.NoError(t, err)
		assert.LessOrEqual(t, n, most, key)
		assert.Positive(t, n, key)
	}

	// Far more was forgotten than is remembered, so whoever knew the first begins anew.
	again, err := store.Changes(t.Context(), page.Next)
	require.NoError(t, err)
	assert.True(t, again.Anew)
	told := map[health.Subject]health.State{}
	for _, c := range again.States {
		told[c.Subject] = c.State
	}
	assert.Equal(t, got, told)
}

func TestHealthTellsWhatHadToMakeRoom(t *testing.T) {
	t.Parallel()
	store, _ := bounded(t, redishealth.Config{MaxSubjects: 3})
	for _, name := range []string{"a", "b", "c"} {
		put(t, store, model(name), health.State{Failures: 1})
	}
	page, err := store.Changes(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, page.States, 3)
	put(t, store, model("d"), health.State{Failures: 1})
	page, err = store.Changes(t.Context(), page.Next)
	require.NoError(t, err)
	assert.False(t, page.Anew)
	assert.Equal(t, []health.Change{{Subject: model("a")}, {Subject: model("d"), State: health.State{Failures: 1}}}, page.States)
}

func TestHealthForgetsIdleStates(t *testing.T) {
	t.Parallel()
	const ttl = 100 * time.Millisecond
	store, _ := bounded(t, redishealth.Config{TTL: ttl})
	now := time.Now().UTC().Round(0)
	kept := map[health.Subject]health.State{
		account("rests"):     {RestUntil: now.Add(time.Hour)},
		account("is probed"): {ProbeUntil: now.Add(time.Hour)},
		account("disabled"):  {Disabled: true},
	}
	for subject, s := range kept {
		put(t, store, subject, s)
	}
	page, err := store.Changes(t.Context(), "")
	require.NoError(t, err)
	for i := range 100 {
		put(t, store, account(fmt.Sprint("idle ", i)), health.State{Failures: 1})
		put(t, store, model(fmt.Sprint("idle ", i)), health.State{RestUntil: now})
	}
	require.Eventually(t, func() bool { // a few go with each update
		put(t, store, account("fresh"), health.State{Failures: 1})
		put(t, store, account("fresh"), health.State{})
		return maps.Equal(kept, known(t, store))
	}, 30*time.Second, 10*time.Millisecond)
	forgotten := map[health.Subject]bool{}
	for more := true; more; more = page.More {
		page, err = store.Changes(t.Context(), page.Next)
		require.NoError(t, err)
		require.False(t, page.Anew)
		for _, c := range page.States {
			require.Equal(t, health.State{}, c.State)
			forgotten[c.Subject] = true
		}
	}
	assert.Len(t, forgotten, 200+1, "and the fresh one")
}

func TestHealthWithoutBounds(t *testing.T) {
	t.Parallel()
	store, _ := bounded(t, redishealth.Config{TTL: -1, MaxSubjects: -1})
	for i := range 1200 {
		put(t, store, model(fmt.Sprint(i)), health.State{Failures: 1})
	}
	assert.Len(t, known(t, store), 1200)
}

// TestAnswersThatAreLost has every call sent twice, as clients do that did not get the
// answer to the first.
func TestAnswersThatAreLost(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, nil, worlds[0].start(t)...)
	once := redisstores.Script(client)
	twice := func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
		if _, err := once(ctx, script, keys, args...); err != nil {
			return nil, err
		}
		return once(ctx, script, keys, args...)
	}
	store, err := redishealth.New(redishealth.Config{Script: twice})
	require.NoError(t, err)
	for i := range 5 {
		s, err := store.Update(t.Context(), account("a"), func(s health.State) health.State { s.Failures++; return s })
		require.NoError(t, err)
		assert.Equal(t, i+1, s.Failures)
	}
	var policy health.Policy
	now := time.Now()
	put(t, store, account("a"), health.State{ProbeDue: true, RestUntil: now.UTC().Round(0)})
	var mine bool
	_, err = store.Update(t.Context(), account("a"), func(s health.State) health.State { s, mine = policy.Claim(s, now); return s })
	require.NoError(t, err)
	assert.True(t, mine, "the probe is the caller's, who does not take its own claim for another's")
	put(t, store, account("a"), health.State{})
	assert.Empty(t, known(t, store))
}

// TestStatesThatCannotBeRead has another version, or something else, write to the keys.
func TestStatesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	var told []health.Subject
	store, client := bounded(t, redishealth.Config{Unreadable: func(s health.Subject, _ error) { told = append(told, s) }})
	for _, name := range []string{"a", "b", "c"} {
		put(t, store, account(name), health.State{Failures: 1})
	}
	stored := func(name, state string) {
		require.NoError(t, client.HSet(t.Context(), "{aitransport:health}:states", "1:1:"+name+":", state).Err())
	}
	stored("a", "12345678\xff")     // a later version's
	stored("b", "12345678\x02\x00") // cut short
	for range 2 {
		states, err := store.Load(t.Context(), []health.Subject{account("a"), account("b"), account("c")})
		require.NoError(t, err)
		assert.Equal(t, []health.State{{}, {}, {Failures: 1}}, states)
	}
	page, err := store.Changes(t.Context(), "")
	require.NoError(t, err)
	assert.Equal(t, []health.Change{{Subject: account("c"), State: health.State{Failures: 1}}}, page.States)
	_, err = store.Update(t.Context(), account("a"), become(health.State{Failures: 2}))
	require.ErrorIs(t, err, redishealth.ErrUnreadable)
	assert.ErrorContains(t, err, `redishealth: update account "a" (keys {aitransport:health}): `)
	assert.ErrorContains(t, err, "format 255")
	put(t, store, account("b"), health.State{Failures: 3})
	page, err = store.Changes(t.Context(), page.Next)
	require.NoError(t, err)
	assert.Equal(t, []health.Change{{Subject: account("b"), State: health.State{Failures: 3}}}, page.States, "it is mended")
	assert.Equal(t, []health.Subject{account("a"), account("b")}, told)

	require.NoError(t, client.Del(t.Context(), "{aitransport:health}:states").Err())
	require.NoError(t, client.Set(t.Context(), "{aitransport:health}:states", "text", 0).Err())
	_, err = store.Load(t.Context(), []health.Subject{account("a")})
	assert.ErrorContains(t, err, "WRONGTYPE")
}

// TestAffinityHoldsNoNames looks at what the server has.
func TestAffinityHoldsNoNames(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, nil, worlds[0].start(t)...)
	store := affinityStore(t, client, redisaffinity.Config{Slots: 8})
	require.NoError(t, store.Put(t.Context(), "main", time.Minute, "somebody's {file}", "other"))
	keys, err := client.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 2)
	for _, key := range keys {
		assert.Regexp(t, `^\{aitransport:affinity:[0-7]\}:[A-Za-z0-9_-]{43}$`, key)
		left, err := client.PTTL(t.Context(), key).Result()
		require.NoError(t, err)
		assert.LessOrEqual(t, left, time.Minute)
		assert.Greater(t, left, 50*time.Second)
	}
	require.NoError(t, store.Put(t.Context(), "main", time.Nanosecond, "brief"), "is rounded up to what Redis knows")
}
