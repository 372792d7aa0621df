package quota_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

func TestLimitsSayWhatIsWrongWithThem(t *testing.T) {
	minute := quota.Rolling(time.Minute)
	cases := []struct {
		limit quota.Limit
		text  string
		wrong string // "": nothing
	}{
		{quota.Limit{Unit: quota.Requests, Max: 100, Window: minute}, "100 requests per 1m", ""},
		{quota.Limit{Unit: quota.Tokens, Max: 1, Window: quota.Rolling(5 * time.Hour)}, "1 token per 5h", ""},
		{quota.Limit{Unit: quota.OutputTokens, Max: 7, Window: quota.Rolling(90 * time.Second)}, "7 output tokens per 1m30s", ""},
		{quota.Limit{Unit: quota.Cost, Max: 5e9, Window: quota.Total()}, "$5 in total", ""},
		{quota.Limit{Unit: quota.InFlight, Max: 5}, "5 in flight", ""},
		{quota.Limit{}, "0 unknown units at once", "limit with unknown units: write Unit: quota.Requests, "},
		{quota.Limit{Unit: 99, Max: 1, Window: minute}, "1 unit(99) per 1m", "limit with unit(99): write Unit"},
		{quota.Limit{Unit: quota.Requests, Window: minute}, "0 requests per 1m", "limit of 0 requests: write a Max above 0"},
		{quota.Limit{Unit: quota.InFlight, Max: -1}, "-1 in flight", "limit of -1 in flight: write a Max above 0"},
		{quota.Limit{Unit: quota.Requests, Max: 1}, "1 request at once", "limit of 1 request with no window: write quota.Rolling(time.Minute), quota.Daily(0, nil) or quota.Total()"},
		{quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Rolling(0)}, "1 request per 0s", "a rolling window of 0s: write a length above 0"},
		{quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Rolling(-1)}, "1 request per -1ns", "a rolling window of -1ns: write a length above 0"},
		{quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Rolling(60)}, "1 request per 60ns", "was its unit forgotten? Write quota.Rolling(60*time.Second)"},
		{quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Rolling(math.MaxInt64)}, "1 request per 2562047h47m16.854775807s", "more than ten years"},
		{quota.Limit{Unit: quota.InFlight, Max: 1, Window: minute}, "1 in flight per 1m", "limit of 1 in flight per 1m: leave Window out"},
	}
	for _, c := range cases {
		t.Run(c.text, func(t *testing.T) {
			assert.Equal(t, c.text, c.limit.String())
			reserve := quota.CheckReserve("a", []quota.Limit{c.limit}, quota.Amount{}, time.Second)
			if c.wrong == "" {
				assert.NoError(t, c.limit.Validate())
				assert.NoError(t, reserve)
				return
			}
			assert.ErrorContains(t, c.limit.Validate(), c.wrong)
			assert.ErrorContains(t, reserve, c.wrong, "a store sees it too")
		})
	}
}

func TestExceededErrorsSayWhatToDo(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 5e8, time.FixedZone("", 3600))
	cases := []struct {
		e    quota.ExceededError
		text string
	}{
		{
			quota.ExceededError{Key: "acme", Limit: quota.Limit{Unit: quota.Requests, Max: 100, Window: quota.Rolling(time.Minute)}, Used: 100, Asked: 1, RetryAt: at},
			`quota: "acme" has no room: 100 requests per 1m, of which 100 used and 0 left, 1 asked for: room again at 2026-11-20T11:00:00.500Z`,
		},
		{
			quota.ExceededError{Key: "acme", Limit: quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Rolling(time.Minute)}, Used: 1, Asked: 1, RetryAt: at.Add(1)},
			`quota: "acme" has no room: 1 request per 1m, of which 1 used and 0 left, 1 asked for: room again at 2026-11-20T11:00:00.501Z`,
		},
		{
			quota.ExceededError{Key: "acme", Limit: quota.Limit{Unit: quota.Tokens, Max: 100, Window: quota.Rolling(time.Minute)}, Left: 100, Asked: 101},
			`quota: "acme" has no room: 100 tokens per 1m, of which 0 used and 100 left, 101 asked for: more than the limit ever allows; ask for less or raise Max`,
		},
		{
			quota.ExceededError{Key: "acme", Limit: quota.Limit{Unit: quota.Cost, Max: 9, Window: quota.Total()}, Used: 12, Asked: 1},
			`quota: "acme" has no room: $0.000000009 in total, of which $0.000000012 used and $0 left, $0.000000001 asked for: room only after a reset or with a higher Max`,
		},
		{
			quota.ExceededError{Key: "acme", Limit: quota.Limit{Unit: quota.InFlight, Max: 2}, Used: 2, Asked: 1},
			`quota: "acme" has no room: 2 in flight, of which 2 used and 0 left, 1 asked for: room again when one of them ends`,
		},
	}
	for _, c := range cases {
		assert.EqualError(t, &c.e, c.text)
		assert.ErrorIs(t, fmt.Errorf("wrapped: %w", &c.e), quota.ErrExceeded)
	}
}

func TestAmounts(t *testing.T) {
	a := quota.Amount{Requests: 1, InputTokens: 2, OutputTokens: 3, Cost: 4}
	for u, want := range []int64{0, 1, 2, 3, 5, 4, 1, 0} {
		assert.Equal(t, want, a.Of(quota.Unit(u)), quota.Unit(u))
	}
	assert.EqualValues(t, math.MaxInt64, quota.Amount{InputTokens: math.MaxInt64, OutputTokens: 1}.Of(quota.Tokens))
	assert.NoError(t, a.Validate())
	assert.ErrorContains(t, quota.Amount{OutputTokens: -1}.Validate(), "OutputTokens:-1 Cost:0}: write nothing below 0")
}

// TestRetryAtIsOfTheWall: it is compared with other times, and written down.
func TestRetryAtIsOfTheWall(t *testing.T) {
	m := quota.NewMemory(quota.MemoryConfig{})
	limits := []quota.Limit{{Unit: quota.Requests, Max: 1, Window: quota.Rolling(time.Minute)}}
	_, err := m.Reserve(t.Context(), "a", limits, oneRequest, time.Minute)
	require.NoError(t, err)
	_, err = m.Reserve(t.Context(), "a", limits, oneRequest, time.Minute)
	var e *quota.ExceededError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, e.RetryAt.Round(0), e.RetryAt)
	assert.NotContains(t, e.RetryAt.String(), "m=")
}
