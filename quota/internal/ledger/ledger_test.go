package ledger_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/quota/internal/ledger"
	"github.com/aitransport/aitransport/quota/quotatest"
)

// kept is a store of states: each act opens a key's state, lets one thing happen, and keeps the new one.
type kept struct {
	mu     sync.Mutex
	states map[string][]byte
	back   time.Duration // by which the clock was put back
}

func (k *kept) change(ctx context.Context, key string, f func(*ledger.Ledger) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	l, err := ledger.Open(k.states[key], time.Now().Add(-k.back))
	if err != nil {
		return err
	}
	if err = f(l); err == nil || l.Stepped() {
		k.states[key] = l.State()
	}
	return err
}

func (k *kept) Reserve(ctx context.Context, key string, limits []quota.Limit, a quota.Amount, ttl time.Duration) (r quota.Reservation, err error) {
	if err := quota.CheckReserve(key, limits, a, ttl); err != nil {
		return r, err
	}
	return r, k.change(ctx, key, func(l *ledger.Ledger) error {
		if err := l.Fit(key, limits, a); err != nil {
			return err
		}
		r = l.Charge(key, limits, a, ttl)
		return nil
	})
}

func (k *kept) Settle(ctx context.Context, r quota.Reservation, used quota.Amount) error {
	if err := quota.CheckSettle(r, used); err != nil {
		return err
	}
	return k.change(ctx, r.Key, func(l *ledger.Ledger) error {
		l.Settle(r, used)
		return nil
	})
}

func (k *kept) Renew(ctx context.Context, r quota.Reservation, ttl time.Duration) (renewed quota.Reservation, err error) {
	if err := quota.CheckRenew(r, ttl); err != nil {
		return r, err
	}
	return renewed, k.change(ctx, r.Key, func(l *ledger.Ledger) error {
		var ok bool
		if renewed, ok = l.Renew(r, ttl); !ok {
			return quota.ErrExpired
		}
		return nil
	})
}

func (k *kept) Levels(ctx context.Context, key string, limits []quota.Limit) (levels []quota.Level, err error) {
	if err := quota.CheckLevels(key, limits); err != nil {
		return nil, err
	}
	return levels, k.change(ctx, key, func(l *ledger.Ledger) error {
		levels = l.Levels(limits)
		return nil
	})
}

func (k *kept) Reset(ctx context.Context, key string) error {
	if err := quota.CheckKey(key); err != nil {
		return err
	}
	return k.change(ctx, key, func(l *ledger.Ledger) error {
		l.Reset()
		return nil
	})
}

func (k *kept) Grant(ctx context.Context, key string, limits []quota.Limit, a quota.Amount) error {
	if err := quota.CheckGrant(key, limits, a); err != nil {
		return err
	}
	return k.change(ctx, key, func(l *ledger.Ledger) error {
		l.Grant(limits, a)
		return nil
	})
}

func newKept() *kept { return &kept{states: make(map[string][]byte)} }

func TestLedgersKeepTheStoresPromises(t *testing.T) {
	quotatest.Run(t, func(*testing.T) quota.Store { return newKept() })
}

func limitsOf(t *testing.T) []quota.Limit {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	return []quota.Limit{
		{Unit: quota.InFlight, Max: 6},
		{Unit: quota.Requests, Max: 30, Window: quota.Rolling(time.Minute)},
		{Unit: quota.Tokens, Max: 900, Window: quota.Rolling(time.Minute)},
		{Unit: quota.OutputTokens, Max: 400, Window: quota.Rolling(6 * time.Second)},
		{Unit: quota.Cost, Max: 20_000, Window: quota.Total()},
		{Unit: quota.Tokens, Max: 3000, Window: quota.Daily(30*time.Second, time.FixedZone("", 5*3600+45*60))},
		{Unit: quota.Tokens, Max: 9000, Window: quota.Monthly(31, 0, berlin)},
	}
}

// TestLedgersAgreeWithMemory drives random calls against both and compares every answer. They cut time into slots from
// different beginnings, so they begin together, at the epoch of both.
func TestLedgersAgreeWithMemory(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Unix(6_000_000_000, 0))) // in the slots' step with Memory, whose time begins here
			p := &pair{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), memory: quota.NewMemory(quota.MemoryConfig{}), kept: newKept(), limits: limitsOf(t)}
			for step := range 300 {
				p.step(step)
			}
			require.NotEmpty(t, p.refused, "seed %d never filled a limit", seed)
		})
	}
}

type pair struct {
	t       *testing.T
	rnd     *rand.Rand
	memory  *quota.Memory
	kept    *kept
	limits  []quota.Limit
	live    [][2]quota.Reservation
	refused []error
}

func (p *pair) amount() quota.Amount {
	return quota.Amount{Requests: p.rnd.Int64N(3), InputTokens: p.rnd.Int64N(80), OutputTokens: p.rnd.Int64N(60), Cost: p.rnd.Int64N(300)}
}

func (p *pair) step(step int) {
	ctx, limits := p.t.Context(), slices.DeleteFunc(slices.Clone(p.limits), func(quota.Limit) bool { return p.rnd.IntN(3) == 0 })
	switch n := p.rnd.IntN(20); {
	case n < 9:
		a, ttl := p.amount(), time.Duration(1+p.rnd.IntN(20))*time.Second
		r, err := p.memory.Reserve(ctx, "a", limits, a, ttl)
		s, other := p.kept.Reserve(ctx, "a", limits, a, ttl)
		p.same(step, err, other)
		if err == nil {
			require.True(p.t, r.Expires.Equal(s.Expires))
			p.live = append(p.live, [2]quota.Reservation{r, s})
		}
	case n < 14 && len(p.live) > 0:
		i, used := p.rnd.IntN(len(p.live)), p.amount()
		require.NoError(p.t, p.memory.Settle(ctx, p.live[i][0], used))
		require.NoError(p.t, p.kept.Settle(ctx, p.live[i][1], used))
	case n < 16 && len(p.live) > 0:
		i := p.rnd.IntN(len(p.live))
		_, err := p.memory.Renew(ctx, p.live[i][0], 10*time.Second)
		_, other := p.kept.Renew(ctx, p.live[i][1], 10*time.Second)
		require.Equal(p.t, err, other, "step %d", step)
	case n == 16 && p.rnd.IntN(4) == 0:
		require.NoError(p.t, errors.Join(p.memory.Reset(ctx, "a"), p.kept.Reset(ctx, "a")))
	case n == 17:
		a := p.amount()
		require.NoError(p.t, errors.Join(p.memory.Grant(ctx, "a", limits, a), p.kept.Grant(ctx, "a", limits, a)))
	default:
		time.Sleep(time.Duration(p.rnd.Int64N(int64(20 * time.Second))))
	}
	want, err := p.memory.Levels(ctx, "a", p.limits)
	require.NoError(p.t, err)
	got, err := p.kept.Levels(ctx, "a", p.limits)
	require.NoError(p.t, err)
	for i := range want {
		require.True(p.t, want[i].EmptyAt.Equal(got[i].EmptyAt), "step %d: %v and %v", step, want[i], got[i])
		want[i].EmptyAt, got[i].EmptyAt = time.Time{}, time.Time{}
	}
	require.Equal(p.t, want, got, "step %d", step)
}

func (p *pair) same(step int, err, other error) {
	if err == nil {
		require.NoError(p.t, other, "step %d", step)
		return
	}
	p.refused = append(p.refused, err)
	require.EqualError(p.t, other, err.Error(), "step %d", step)
}

func TestAStateIsSmallAndForgetsWhatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, limits := newKept(), limitsOf(t)[1:4]
		for i := range 500 {
			r, err := k.Reserve(t.Context(), "a", append(limits, quota.Limit{Unit: quota.Requests, Max: 9, Window: quota.Rolling(time.Second + time.Duration(i))}),
				quota.Amount{Requests: 1, OutputTokens: 5}, time.Second)
			require.NoError(t, err)
			if i%2 == 0 {
				require.NoError(t, k.Settle(t.Context(), r, quota.Amount{Requests: 1}))
			}
			time.Sleep(2500 * time.Millisecond)
			assert.Less(t, len(k.states["a"]), 1000, "after %d", i)
		}
		time.Sleep(time.Minute + 10*time.Second)
		require.NoError(t, k.change(t.Context(), "a", func(l *ledger.Ledger) error {
			assert.Zero(t, l.Reservations())
			return nil
		}))
		assert.Less(t, len(k.states["a"]), 20)
	})
}

func TestEmptyAtIsWhenNothingCounts(t *testing.T) {
	begin := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	at := func(f func(l *ledger.Ledger)) (time.Duration, bool) {
		l, err := ledger.Open(nil, begin)
		require.NoError(t, err)
		f(l)
		empty, ok := l.EmptyAt()
		return empty.Sub(begin), ok
	}
	charge := func(w quota.Window, ttl time.Duration) func(*ledger.Ledger) {
		limits := []quota.Limit{{Unit: quota.Requests, Max: 5, Window: w}}
		return func(l *ledger.Ledger) { l.Charge("a", limits, quota.Amount{Requests: 1}, ttl) }
	}
	cases := []struct {
		name string
		do   func(*ledger.Ledger)
		want time.Duration
		ends bool
	}{
		{"nothing", func(*ledger.Ledger) {}, time.Minute, true},
		{"a minute", charge(quota.Rolling(time.Minute), time.Second), 2*time.Minute + time.Second, true},
		{"a reservation", charge(quota.Rolling(time.Minute), time.Hour), 2*time.Hour + time.Minute, true},
		{"a day", charge(quota.Daily(0, nil), time.Second), 13*time.Hour + time.Minute, true},
		{"for ever", charge(quota.Total(), time.Second), 0, false},
	}
	for _, c := range cases {
		got, ends := at(c.do)
		require.Equal(t, c.ends, ends, c.name)
		if ends {
			assert.Equal(t, c.want, got, c.name)
		}
	}
}

func TestAClockThatIsPutBack(t *testing.T) {
	minute := []quota.Limit{{Unit: quota.Requests, Max: 3, Window: quota.Rolling(time.Minute)}, {Unit: quota.InFlight, Max: 3}}
	for _, back := range []time.Duration{time.Second, 59 * time.Second, time.Hour, 365 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			k := newKept()
			reserve := func() error {
				_, err := k.Reserve(t.Context(), "a", minute, quota.Amount{Requests: 1}, 30*time.Second)
				return err
			}
			for range 3 {
				require.NoError(t, reserve())
			}
			k.back = back
			time.Sleep(59 * time.Second)
			require.ErrorIs(t, reserve(), quota.ErrExceeded, "put back by %v, a spend left too early", back)
			time.Sleep(2*time.Minute + 2*time.Second)
			require.NoError(t, reserve(), "put back by %v, a spend never leaves", back)
		})
	}
}

func TestStatesThatCannotBeRead(t *testing.T) {
	l, err := ledger.Open(nil, time.Unix(1e9, 0))
	require.NoError(t, err)
	l.Charge("a", limitsOf(t), quota.Amount{Requests: 1, InputTokens: 5, Cost: math.MaxInt64}, math.MaxInt64)
	state := l.State()
	for n := 1; n < len(state); n++ {
		_, err := ledger.Open(state[:n], time.Unix(1e9, 0))
		require.Error(t, err, "cut off after %d of %d bytes", n, len(state))
	}
	_, err = ledger.Open(append([]byte{2}, state[1:]...), time.Unix(1e9, 0))
	require.EqualError(t, err, "the state is in format 2, and this program knows 1: update it")
	_, err = ledger.Open(append(state, 0), time.Unix(1e9, 0))
	require.Error(t, err)
}

func TestWindowsAreKnownByTheirIDs(t *testing.T) {
	kathmandu := time.FixedZone("", 5*3600+45*60)
	for _, name := range []string{"Europe/Berlin", "America/Argentina/Buenos_Aires", "Australia/Lord_Howe"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		for _, z := range []*time.Location{zone, nil, kathmandu, time.FixedZone("", -44*60-30), time.FixedZone("", -3600)} {
			for _, w := range []quota.Window{
				quota.Total(), quota.Rolling(90 * time.Second), quota.Rolling(time.Millisecond + 1), quota.Daily(9*time.Hour+1, z),
				quota.Weekly(time.Saturday, 0, z), quota.Monthly(31, 12*time.Hour, z),
			} {
				got, err := ledger.ParseWindow(w.ID())
				require.NoError(t, err, w.ID())
				require.True(t, w == got, w.ID())
			}
		}
	}
	for _, id := range []string{"", "x", "total/1", "rolling/", "rolling/60s", "daily/0s", "daily/0s/", "daily/0s/Local", "daily/0s/No/Where", "weekly/x/0s/UTC", "monthly/32/0s/UTC", "daily/0s/UTC+1:2:3:4", "daily/0s/../UTC"} {
		_, err := ledger.ParseWindow(id)
		assert.Error(t, err, id)
	}
}

func FuzzOpen(f *testing.F) {
	now := time.Unix(1e9, 0)
	l, err := ledger.Open(nil, now)
	require.NoError(f, err)
	l.Charge("a", []quota.Limit{{Unit: quota.Cost, Max: 5, Window: quota.Rolling(time.Hour)}, {Unit: quota.Requests, Max: 5, Window: quota.Daily(0, nil)}}, quota.Amount{Cost: 7, Requests: 1}, time.Minute)
	f.Add(l.State())
	f.Fuzz(func(t *testing.T, state []byte) {
		l, err := ledger.Open(state, now)
		if err != nil {
			return
		}
		l.EmptyAt()
		again := l.State()
		l, err = ledger.Open(again, now)
		require.NoError(t, err, "%x", again)
		require.Equal(t, again, l.State())
	})
}
