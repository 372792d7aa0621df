package redisstores_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/provider/providertest"
)

// TestProgramsGoOnWithoutTheServer has Redis hang, then break, under two programs: their requests go on as fast as before,
// each with what it knows itself, and what one found out meanwhile is shared when the server is back.
func TestProgramsGoOnWithoutTheServer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		away, back func(*servers.Server)
	}{
		{"hangs", (*servers.Server).Pause, (*servers.Server).Resume},
		{"stopped", (*servers.Server).Stop, (*servers.Server).Start},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := servers.Redis(t)
			accounts := map[string]*providertest.Fake{
				"a": providertest.OpenAI(providertest.Config{Name: "a"}), "b": providertest.OpenAI(providertest.Config{Name: "b"}),
			}
			var failed, back atomic.Int64
			hooks := func(cfg *balancer.Config) {
				cfg.Hooks.StoreError = func(context.Context, string, error) { failed.Add(1) }
				cfg.Hooks.StoreBack = func(context.Context, string, time.Duration) { back.Add(1) }
			}
			one, other := program(t, server.Addr, accounts, hooks), program(t, server.Addr, accounts, hooks)
			const answers = `{"model":"gpt-5","input":"hi"}`
			known := call(t, one, http.MethodPost, "responses", answers)["id"].(string)
			require.Zero(t, failed.Load())

			c.away(server)
			accounts["a"].Script(providertest.RateLimited(time.Hour))
			begun := time.Now()
			var made string
			for range 20 {
				made = call(t, one, http.MethodPost, "responses", answers)["id"].(string)
				call(t, one, http.MethodGet, "responses/"+made, "")
				call(t, one, http.MethodGet, "responses/"+known, "")
			}
			took := time.Since(begun)
			assert.Less(t, took, 10*time.Second, "60 requests, and a time-out now and then")
			limited := 0
			for _, h := range accounts["a"].Hits() {
				if h.Status == http.StatusTooManyRequests {
					limited++
				}
			}
			assert.Equal(t, 1, limited, "it rests, though nobody could write that down")
			assert.Positive(t, failed.Load())
			assert.Less(t, failed.Load(), 4*(int64(took/time.Second)+2), "two stores of two programs, once a second")

			c.back(server)
			require.EventuallyWithT(t, func(t *assert.CollectT) {
				s, err := other.Snapshot(context.Background())
				if assert.NoError(t, err) && assert.NotEmpty(t, s.Accounts[0].Models, "the other has heard of the rest") {
					assert.Equal(t, "open", s.Accounts[0].Models[0].State)
				}
			}, 15*time.Second, 20*time.Millisecond)
			for begun := time.Now(); back.Load() < 3; time.Sleep(20 * time.Millisecond) { // the health of both, and the first's affinity
				require.Less(t, time.Since(begun), 15*time.Second)
				call(t, one, http.MethodGet, "responses/"+made, "")
			}
			found := call(t, other, http.MethodGet, "responses/"+made, "")
			assert.Equal(t, made, found["id"])
		})
	}
}
