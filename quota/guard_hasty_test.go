package quota_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/quota"
)

// hung never answers.
type hung struct{ calls int }

func (h *hung) Reserve(ctx context.Context, _ string, _ []quota.Limit, _ quota.Amount, _ time.Duration) (r quota.Reservation, err error) {
	h.calls++
	<-ctx.Done()
	return r, ctx.Err()
}

func (h *hung) Settle(ctx context.Context, _ quota.Reservation, _ quota.Amount) error {
	h.calls++
	<-ctx.Done()
	return ctx.Err()
}

// TestGuardHastyCallers has callers whose own deadlines are shorter than the Guard's Timeout: each pays all of its own.
func TestGuardHastyCallers(t *testing.T) {
	h := new(hung)
	g := quota.NewGuard(h, quota.GuardConfig{Open: true})
	limits := []quota.Limit{{Unit: quota.Requests, Max: 100, Window: quota.Total()}}
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, _ = g.Reserve(ctx, "a", limits, quota.Amount{Requests: 1}, time.Minute)
		cancel()
	}
	assert.Less(t, h.calls, 3, "a store that hangs is to cost a time-out now and then, not each request one")
}
