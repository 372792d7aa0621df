package redisstores_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer/redisaffinity"
	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/health"
)

// calls are all that the stores can be asked.
func calls(t *testing.T, addr string) map[string]func(context.Context) error {
	t.Helper()
	client, _ := connect(t, nil, addr)
	states, homes := healthStore(t, client, apart()), affinityStore(t, client, redisaffinity.Config{Prefix: apart()})
	return map[string]func(context.Context) error{
		"load": func(ctx context.Context) error {
			_, err := states.Load(ctx, []health.Subject{account("a")})
			return err
		},
		"update": func(ctx context.Context) error {
			_, err := states.Update(ctx, account("a"), func(s health.State) health.State { s.Failures++; return s })
			return err
		},
		"changes": func(ctx context.Context) error { _, err := states.Changes(ctx, ""); return err },
		"get":     func(ctx context.Context) error { _, err := homes.Get(ctx, "k"); return err },
		"put":     func(ctx context.Context) error { return homes.Put(ctx, "main", time.Hour, "k") },
		"delete":  func(ctx context.Context) error { return homes.Delete(ctx, "k") },
	}
}

func TestServerThatIsAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		away, back func(*servers.Server)
		limit      time.Duration
		timeout    bool // the error is the context's
	}{
		{"stopped", (*servers.Server).Stop, (*servers.Server).Start, 10 * time.Second, false},
		{"hangs", (*servers.Server).Pause, (*servers.Server).Resume, 200 * time.Millisecond, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := servers.Redis(t)
			stores := calls(t, server.Addr)
			for name, call := range stores {
				require.NoError(t, call(t.Context()), name)
			}
			c.away(server)
			for name, call := range stores {
				ctx, cancel := context.WithTimeout(t.Context(), c.limit)
				begun := time.Now()
				err := call(ctx)
				took := time.Since(begun)
				cancel()
				require.Error(t, err, name)
				assert.Less(t, took, c.limit+time.Second, name)
				var timeout interface{ Timeout() bool }
				isTimeout := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
				assert.Equal(t, c.timeout, isTimeout, "%s: %v", name, err)
				assert.Regexp(t, "^redis(health|affinity): "+name+" ", err.Error())
			}
			c.back(server)
			for name, call := range stores {
				// After many dials that failed go-redis tries again once a second only.
				require.EventuallyWithT(t, func(t *assert.CollectT) { assert.NoError(t, call(context.Background())) },
					10*time.Second, 10*time.Millisecond, name)
			}
		})
	}
}

// TestRestartWithoutPersistence has a follower notice that the server knows nothing any
// more.
func TestRestartWithoutPersistence(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	client, _ := connect(t, nil, server.Addr)
	store := healthStore(t, client, apart())
	_, err := store.Update(t.Context(), account("a"), become(health.State{Failures: 1}))
	require.NoError(t, err)
	page, err := store.Changes(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, page.States, 1)

	server.Stop()
	server.Start()
	empty, err := store.Changes(t.Context(), page.Next)
	require.NoError(t, err)
	assert.True(t, empty.Anew)
	assert.Empty(t, empty.States)

	_, err = store.Update(t.Context(), account("b"), become(health.State{Failures: 1}))
	require.NoError(t, err)
	anew, err := store.Changes(t.Context(), page.Next)
	require.NoError(t, err)
	assert.True(t, anew.Anew)
	require.Len(t, anew.States, 1)
	assert.Equal(t, account("b"), anew.States[0].Subject)
}
