package quota_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

// TestMemoryAllocatesLittle has calls under four limits, of one key and of many.
func TestMemoryAllocatesLittle(t *testing.T) {
	m, n := quota.NewMemory(quota.MemoryConfig{}), 0
	keys := []string{"main", "spare", "third"}
	for name, used := range map[string]quota.Amount{"less": truth, "debt": debt, "canceled": {}} {
		call := func() {
			n++
			r, err := m.Reserve(t.Context(), keys[n%len(keys)], fourLimits, estimate, time.Minute)
			require.NoError(t, err)
			require.NoError(t, m.Settle(t.Context(), r, used))
		}
		assert.LessOrEqual(t, testing.AllocsPerRun(1000, call), 3.0, name)
	}
}
