package balancer_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// TestAStreamThatFailsInTheMiddle: the caller has its beginning, and the trail says so.
func TestAStreamThatFailsInTheMiddle(t *testing.T) {
	for name, a := range apis {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := a.fake(providertest.Config{})
				fake.ScriptFor("key-first", providertest.FailInStream(3, providertest.Overloaded()))
				cfg := over(fake, a.two()...)
				cfg.Hold.Bytes = -1 // nothing is held back
				ctx, trail := balancer.WithTrail(t.Context())
				_, _, _ = do(newTransport(t, cfg), a.request(ctx, t, true))
				attempts := trail.Attempts()
				require.Len(t, attempts, 1)
				assert.True(t, attempts[0].Answered)
				require.NotEqual(t, provider.ClassOK, attempts[0].Class)
				assert.True(t, strings.HasSuffix(strings.TrimSpace(trail.String()), "; the caller had got the beginning of it"), trail.String())
			})
		})
	}
}

// TestTheTrailShowsAHedge: which attempt was the one beside the other.
func TestTheTrailShowsAHedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := each(twoAccounts(), whole(time.Hour, "one"), whole(time.Second, "two"))
		cfg.Hedge.After = time.Second
		ctx, trail := balancer.WithTrail(t.Context())
		_, _, err := send(ctx, t, newTransport(t, cfg))
		require.NoError(t, err)
		synctest.Wait()
		lines := strings.Split(strings.TrimSpace(trail.String()), "\n")
		require.Len(t, lines, 2)
		for _, line := range lines {
			assert.Equal(t, strings.Contains(line, " second ("), strings.Contains(line, "; beside another (hedge)"), line)
		}
	})
}
