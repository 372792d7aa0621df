package quota_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

// TestLocalIsNobodyElses has a machine in zones of all sorts, as TZ and /etc/localtime make them: windows in time.Local
// are refused by shared stores in each, and count in memory.
func TestLocalIsNobodyElses(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, as := range []*time.Location{berlin, time.FixedZone("Local", 3600), time.FixedZone("UTC", 0), time.FixedZone("CET", 3600)} {
		t.Run(fmt.Sprint(as), func(t *testing.T) {
			before, zone := time.Local, *as
			time.Local = &zone
			t.Cleanup(func() { time.Local = before })
			for _, w := range []quota.Window{quota.Daily(0, time.Local), quota.Weekly(1, 0, time.Local), quota.Monthly(1, 0, time.Local)} {
				limit := quota.Limit{Unit: quota.Requests, Max: 1, Window: w}
				require.NoError(t, limit.Validate())
				assert.Empty(t, w.ID())
				require.ErrorIs(t, quota.CheckShared("a", []quota.Limit{limit}), quota.ErrInvalid)
				_, err := quota.NewMemory(quota.MemoryConfig{}).Reserve(t.Context(), "a", []quota.Limit{limit}, oneRequest, time.Minute)
				require.NoError(t, err)
			}
			once, again := quota.Daily(0, time.Local), quota.Daily(0, time.Local)
			assert.Equal(t, once, again)
			begin, _ := quota.Daily(0, time.Local).Bounds(time.Now())
			want, _ := quota.Daily(0, as).Bounds(time.Now())
			assert.True(t, begin.Equal(want), "%v, not %v", begin, want)
		})
	}
	assert.NotEmpty(t, quota.Daily(0, berlin).ID())
	assert.NoError(t, quota.CheckShared("a", []quota.Limit{{Unit: quota.Requests, Max: 1, Window: quota.Daily(0, berlin)}}))
}
