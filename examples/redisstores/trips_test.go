package redisstores_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer/redisaffinity"
	"github.com/aitransport/aitransport/health"
)

func account(name string) health.Subject {
	return health.Subject{Kind: health.KindAccount, Name: name}
}

// become is an update that sets a state.
func become(s health.State) func(health.State) health.State {
	return func(health.State) health.State { return s }
}

func TestRoundTripsOfHealth(t *testing.T) {
	t.Parallel()
	for _, world := range worlds {
		t.Run(world.name, func(t *testing.T) {
			t.Parallel()
			client, sent := connect(t, nil, world.start(t)...)
			store := healthStore(t, client, apart())
			subjects := make([]health.Subject, 20_000) // more than Lua takes as arguments
			for i := range subjects {
				subjects[i] = account(fmt.Sprint(i))
			}
			do := func(f func() error) func() { return func() { require.NoError(t, f()) } }
			update := func(f func(health.State) health.State) func() {
				return do(func() error { _, err := store.Update(t.Context(), account("0"), f); return err })
			}
			load := do(func() error { _, err := store.Load(t.Context(), subjects); return err })
			changes := do(func() error { _, err := store.Changes(t.Context(), ""); return err })
			for _, teach := range []func(){load, changes, update(become(health.State{}))} {
				teach() // the server learns each script the first time
			}
			assert.Equal(t, 1, sent.during(load), "Load, however many")
			assert.Equal(t, 1, sent.during(changes), "Changes")
			assert.Equal(t, 1, sent.during(update(become(health.State{Failures: 1}))), "Update of a healthy one")
			assert.Equal(t, 2, sent.during(update(become(health.State{Failures: 2}))), "Update of one that is not")
			assert.Equal(t, 1, sent.during(update(func(s health.State) health.State { return s })), "Update that changes nothing")
			assert.Equal(t, 2, sent.during(update(become(health.State{}))), "Update that forgets")
			assert.Zero(t, sent.during(do(func() error { _, err := store.Load(t.Context(), nil); return err })), "Load of nothing")
		})
	}
}

func TestRoundTripsOfAffinity(t *testing.T) {
	t.Parallel()
	for _, world := range worlds {
		t.Run(world.name, func(t *testing.T) {
			t.Parallel()
			client, sent := connect(t, nil, world.start(t)...)
			keys := make([]string, 128)
			for i := range keys {
				keys[i] = fmt.Sprint("key ", i)
			}
			for _, c := range []struct {
				slots, least, most int
			}{{0, 1, 1}, {1, 1, 1}, {4, 4, 4}, {1024, 65, 128}} {
				store := affinityStore(t, client, redisaffinity.Config{Prefix: apart(), Slots: c.slots})
				calls := map[string]func(keys ...string) error{
					"put":    func(keys ...string) error { return store.Put(t.Context(), "main", time.Hour, keys...) },
					"get":    func(keys ...string) error { _, err := store.Get(t.Context(), keys...); return err },
					"delete": func(keys ...string) error { return store.Delete(t.Context(), keys...) },
				}
				for name, call := range calls {
					require.NoError(t, call(keys...)) // the servers learn the script
					n := sent.during(func() { require.NoError(t, call(keys...)) })
					assert.GreaterOrEqual(t, n, c.least, "%s of %d keys in %d slots", name, len(keys), c.slots)
					assert.LessOrEqual(t, n, c.most, "%s of %d keys in %d slots", name, len(keys), c.slots)
					n = sent.during(func() { require.NoError(t, call("key 1")) })
					assert.Equal(t, 1, n, "%s of one key in %d slots", name, c.slots)
					assert.Zero(t, sent.during(func() { require.NoError(t, call()) }), "%s of none", name)
				}
			}
		})
	}
}
