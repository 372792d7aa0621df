package quota_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

// TestGuardOneFullKeyIsNotABrokenStore has one tenant use up what a store keeps; the others' store is not broken by that.
func TestGuardOneFullKeyIsNotABrokenStore(t *testing.T) {
	broken := 0
	m := quota.NewMemory(quota.MemoryConfig{MaxKeys: 1})
	g := quota.NewGuard(m, quota.GuardConfig{Open: true, Hooks: quota.GuardHooks{Broken: func(error) { broken++ }}})
	limits := []quota.Limit{{Unit: quota.Requests, Max: 1, Window: quota.Total()}}
	ctx := t.Context()
	_, err := g.Reserve(ctx, "a", limits, quota.Amount{Requests: 1}, time.Minute)
	require.NoError(t, err)
	_, err = g.Reserve(ctx, "b", limits, quota.Amount{Requests: 1}, time.Minute)
	require.ErrorIs(t, err, quota.ErrFull)
	_, err = g.Reserve(ctx, "a", limits, quota.Amount{Requests: 1}, time.Minute)
	assert.ErrorIs(t, err, quota.ErrExceeded, "a's limit of 1 in total is used up")
	assert.Zero(t, broken)
}
