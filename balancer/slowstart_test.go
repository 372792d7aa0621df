package balancer_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
)

// TestWhatHasRecoveredIsSparedOnce: the chance is drawn once for each request, not
// until it turns out well.
func TestWhatHasRecoveredIsSparedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.AlwaysFor("key-first", providertest.ServerError())
		cfg := over(fake, twoAccounts()...)
		cfg.Policy = health.Policy{Failures: 1, Rest: time.Minute, Jitter: -1, SlowStart: time.Hour}
		lb := newTransport(t, cfg)
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		fake.AlwaysFor("key-first", providertest.OK())
		time.Sleep(time.Minute)
		_, _, err = send(t.Context(), t, lb)
		require.NoError(t, err)
		require.Equal(t, 2, fake.CountFor("key-first"), "the probe goes at once")

		share := func() float64 {
			before := fake.CountFor("key-first")
			const n = 500
			for range n {
				_, _, err := send(t.Context(), t, lb)
				require.NoError(t, err)
			}
			return float64(fake.CountFor("key-first")-before) / n
		}
		assert.InDelta(t, 0.1, share(), 0.06)
		time.Sleep(30 * time.Minute)
		assert.InDelta(t, 0.55, share(), 0.1)
		time.Sleep(30 * time.Minute)
		assert.InDelta(t, 1, share(), 0)
	})
}
