package sqlstores_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

// TestAGuardWaitsForSQLite has two programs behind Guards call at once while a third one writes to the file for longer
// than most stores may take: a database whose calls wait for each other is not broken, and nothing is overspent.
func TestAGuardWaitsForSQLite(t *testing.T) {
	t.Parallel()
	d := databases[0].start(t)
	var broken atomic.Int64
	guard := func() *quota.Guard {
		return quota.NewGuard(d.store(t, d.open(t, 8)), quota.GuardConfig{Open: true, Hooks: quota.GuardHooks{
			Broken: func(err error) { broken.Add(1); t.Log(err) },
		}})
	}
	guards := []*quota.Guard{guard(), guard()}
	other := d.open(t, 1)
	exec(t, other, "BEGIN IMMEDIATE")
	time.AfterFunc(time.Second, func() { _, _ = other.Exec("ROLLBACK") })

	limits := []quota.Limit{{Unit: quota.Requests, Max: 10, Window: quota.Total()}}
	var admitted, refused atomic.Int64
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			_, err := guards[i%2].Reserve(t.Context(), "tenant/acme", limits, one, time.Hour)
			switch {
			case err == nil:
				admitted.Add(1)
			case errors.Is(err, quota.ErrExceeded):
				refused.Add(1)
			default:
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
	require.Zero(t, broken.Load())
	assert.EqualValues(t, 10, admitted.Load())
	assert.EqualValues(t, 50, refused.Load())
}
