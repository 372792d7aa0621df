package redisquota_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/internal/servers"
	"github.com/aitransport/aitransport/examples/redisstores"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/redisquota"
)

// clock is a store on a server whose clock the test sets.
type clock struct {
	*redisquota.Store
	t     *testing.T
	now   time.Time
	calls atomic.Int64
}

// setClock begins a day from now: Redis expires by the real time, which is to be earlier.
func setClock(t *testing.T) *clock {
	client, _ := connect(t, servers.Redis(t).Addr)
	c := &clock{t: t, now: time.Now().AddDate(0, 0, 1).Truncate(24 * time.Hour).Add(12 * time.Hour)}
	run := redisstores.Script(client)
	store, err := redisquota.New(redisquota.Config{
		Prefix: apart(),
		Script: func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
			const asks = "redis.call('TIME')"
			require.Equal(t, 1, strings.Count(script, asks))
			c.calls.Add(1)
			told := fmt.Sprintf("{'%d', '%d'}", c.now.Unix(), c.now.Nanosecond()/1000)
			return run(ctx, strings.Replace(script, asks, told, 1), keys, args...)
		},
	})
	require.NoError(t, err)
	c.Store = store
	return c
}

func (c *clock) sleep(d time.Duration) { c.now = c.now.Add(d) }

// spend reserves so much of the limit, which must have room, and lives.
func (c *clock) spend(limit quota.Limit, n int64) quota.Reservation {
	c.t.Helper()
	r, err := c.Reserve(c.t.Context(), "acme", []quota.Limit{limit}, quota.Amount{Requests: n}, 10000*time.Hour)
	require.NoError(c.t, err)
	return r
}

func (c *clock) settle(r quota.Reservation, n int64) {
	c.t.Helper()
	require.NoError(c.t, c.Settle(c.t.Context(), r, quota.Amount{Requests: n}))
}

func (c *clock) used(limit quota.Limit, want int64, why string) {
	c.t.Helper()
	levels, err := c.Levels(c.t.Context(), "acme", []quota.Limit{limit})
	require.NoError(c.t, err)
	assert.Equal(c.t, want, levels[0].Used, why)
	limit.Max = 1
	_, err = c.Reserve(c.t.Context(), "acme", []quota.Limit{limit}, quota.Amount{Requests: 1000}, time.Hour)
	var exceeded *quota.ExceededError
	require.ErrorAs(c.t, err, &exceeded)
	assert.Equal(c.t, want, exceeded.Used, why)
}

func TestClockPutBack(t *testing.T) {
	t.Parallel()
	for _, w := range []quota.Window{quota.Rolling(24 * time.Hour), quota.Daily(9*time.Hour, nil)} {
		t.Run(w.String(), func(t *testing.T) {
			t.Parallel()
			c, limit := setClock(t), quota.Limit{Unit: quota.Requests, Max: 100, Window: w}
			r := c.spend(limit, 10)
			c.sleep(-6 * time.Hour)
			c.used(limit, 10, "put back by less than a window, it stays in the one it had reached")
			c.spend(limit, 20)
			c.settle(r, 3)
			c.used(limit, 23, "and what is given back comes back there")
			c.sleep(6*time.Hour + 20*time.Hour)
			c.used(limit, 23, "until that is over")
			c.sleep(5 * time.Hour)
			c.used(limit, 0, "then it is over")

			old := c.spend(limit, 10)
			c.sleep(100 * 24 * time.Hour) // somebody set it wrong
			ahead := c.spend(limit, 50)
			c.sleep(-100 * 24 * time.Hour)
			c.used(limit, 50, "put back by more, it goes on with what was spent")
			c.spend(limit, 1)
			c.settle(old, 0)
			c.settle(ahead, 0)
			c.used(limit, 51, "and nobody knows what was spent where")
			c.settle(c.spend(limit, 5), 4)
			c.used(limit, 55, "what is reserved from then on is given back")
			c.sleep(30 * time.Hour)
			c.used(limit, 0, "a window later it is over")
		})
	}
}

// TestDebtOfWindowsNobodyNamed settles when the window that was reserved in is long over.
func TestDebtOfWindowsNobodyNamed(t *testing.T) {
	t.Parallel()
	c, limit := setClock(t), quota.Limit{Unit: quota.Requests, Max: 100, Window: quota.Daily(0, nil)}
	var open []quota.Reservation
	for range 30 {
		open = append(open, c.spend(limit, 1))
	}
	c.sleep(24 * time.Hour)
	c.settle(open[0], 11)
	c.used(limit, 10, "debt of the next day counts on that day")
	c.sleep(3 * 24 * time.Hour)
	c.settle(open[1], 6)
	c.sleep(2 * time.Hour)
	c.settle(open[2], 8)
	c.sleep(time.Hour)
	c.settle(open[3], 0)
	c.used(limit, 12, "and so does what two settled on a day that nobody has asked about")
	c.sleep(24 * time.Hour)
	c.settle(open[4], 100)
	c.sleep(24 * time.Hour)
	c.settle(open[5], 3)
	c.used(limit, 2, "what was settled the day before does not")
	c.sleep(24 * time.Hour)
	for _, r := range open[6:] { // more than are remembered apart
		c.settle(r, 2)
	}
	c.used(limit, 24, "of however many")
	c.sleep(24 * time.Hour)
	c.used(limit, 0, "until the day is over")
}

func TestCalendar(t *testing.T) {
	t.Parallel()
	c := setClock(t)
	var limits []quota.Limit
	for zone, w := range map[string]func(*time.Location) quota.Window{
		"Europe/Berlin":       func(z *time.Location) quota.Window { return quota.Daily(150*time.Minute, z) },
		"Australia/Lord_Howe": func(z *time.Location) quota.Window { return quota.Daily(0, z) },
		"America/Havana":      func(z *time.Location) quota.Window { return quota.Weekly(time.Sunday, 0, z) },
		"Asia/Kathmandu":      func(z *time.Location) quota.Window { return quota.Monthly(31, 12*time.Hour, z) },
	} {
		z, err := time.LoadLocation(zone)
		require.NoError(t, err)
		limits = append(limits, quota.Limit{Unit: quota.Requests, Max: 1000, Window: w(z)})
	}
	spent := make([]map[time.Time]int64, len(limits))
	for n := 1; n < 800; n++ {
		c.sleep(time.Duration(rand.Int64N(int64(22 * time.Hour))))
		before := c.calls.Load()
		r, err := c.Reserve(t.Context(), "acme", limits, quota.Amount{Requests: 3}, time.Hour)
		require.NoError(t, err)
		require.LessOrEqual(t, c.calls.Load()-before, int64(2), "the second call knows what time it is")
		c.settle(r, 1)
		levels, err := c.Levels(t.Context(), "acme", limits)
		require.NoError(t, err)
		for i, l := range levels {
			start, end := l.Limit.Window.Bounds(c.now)
			if spent[i] == nil {
				spent[i] = map[time.Time]int64{}
			}
			spent[i][start]++
			require.Equal(t, spent[i][start], l.Used, "%v at %v", l.Limit, c.now)
			require.WithinDuration(t, end, l.EmptyAt, 0)
		}
	}
}

// TestRollingAgainstModel spends at random, and compares with a list of what was spent when.
func TestRollingAgainstModel(t *testing.T) {
	t.Parallel()
	c, limit := setClock(t), quota.Limit{Unit: quota.Requests, Max: 100, Window: quota.Rolling(time.Minute)}
	type spend struct {
		at time.Time
		n  int64
	}
	var spends []spend
	during := func(length time.Duration) (sum int64) {
		for _, s := range spends {
			if c.now.Sub(s.at) < length {
				sum += s.n
			}
		}
		return sum
	}
	for range 1500 {
		c.sleep(time.Duration(rand.Int64N(int64(4 * time.Second))))
		estimate := rand.Int64N(30)
		r, err := c.Reserve(t.Context(), "acme", []quota.Limit{limit}, quota.Amount{Requests: estimate}, time.Hour)
		least, most := during(time.Minute), during(time.Minute+time.Second)
		if errors.Is(err, quota.ErrExceeded) {
			require.Greater(t, most+estimate, limit.Max, "refused with room")
			continue
		}
		require.NoError(t, err)
		require.LessOrEqual(t, least+estimate, limit.Max, "admitted without room")
		truth := rand.Int64N(estimate + 3)
		at := c.now
		c.sleep(time.Duration(rand.Int64N(int64(500 * time.Millisecond))))
		c.settle(r, truth)
		spends = append(spends, spend{at, min(truth, estimate)}, spend{c.now, max(0, truth-estimate)})
	}
}

func TestClockThatLeapsAbout(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, servers.Redis(t).Addr)
	run, leaps := redisstores.Script(client), 0
	store, err := redisquota.New(redisquota.Config{
		Prefix: apart(),
		Script: func(ctx context.Context, script string, keys []string, args ...any) (any, error) {
			leaps++
			told := fmt.Sprintf("{'%d', '0'}", time.Now().AddDate(0, 0, 10*leaps).Unix())
			return run(ctx, strings.Replace(script, "redis.call('TIME')", told, 1), keys, args...)
		},
	})
	require.NoError(t, err)
	limits := []quota.Limit{{Unit: quota.Requests, Max: 100, Window: quota.Daily(0, nil)}}
	_, err = store.Reserve(t.Context(), "acme", limits, quota.Amount{Requests: 1}, time.Hour)
	require.ErrorIs(t, err, redisquota.ErrClock)
	assert.Equal(t, 3, leaps)
}
