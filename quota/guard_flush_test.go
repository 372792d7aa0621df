package quota_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

// slow settles slowly or fails at once.
type slow struct {
	*quota.Memory
	fails atomic.Bool
}

func (s *slow) Settle(ctx context.Context, r quota.Reservation, used quota.Amount) error {
	if s.fails.Load() {
		return errors.New("away")
	}
	time.Sleep(100 * time.Millisecond)
	return s.Memory.Settle(ctx, r, used)
}

// TestGuardFlushWaitsForOthers has two flush at a time: neither says that all is settled before it is.
func TestGuardFlushWaitsForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{Memory: quota.NewMemory(quota.MemoryConfig{})}
		g := quota.NewGuard(s, quota.GuardConfig{Rest: -1})
		ctx := t.Context()
		r, err := g.Reserve(ctx, "a", []quota.Limit{{Unit: quota.Requests, Max: 1, Window: quota.Total()}}, quota.Amount{Requests: 1}, time.Hour)
		require.NoError(t, err)
		s.fails.Store(true)
		require.NoError(t, g.Settle(ctx, r, quota.Amount{}))
		s.fails.Store(false)
		go func() { _ = g.Flush(ctx) }()
		synctest.Wait()
		err = g.Flush(ctx)
		assert.False(t, err == nil && g.Unsettled() > 0, "Flush says that all is settled, and %d is not", g.Unsettled())
		time.Sleep(time.Second)
	})
}
