package quota_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/quota"
)

// TestMemoryAgreesWithAList drives random calls against Memory and against a list of everything that ever happened, and
// compares what is used after each: never less than the list says for the window, nor more than it says for the window
// and a slot.
func TestMemoryAgreesWithAList(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			m := &model{t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 0)), store: quota.NewMemory(quota.MemoryConfig{})}
			for range 400 {
				m.step()
			}
		})
	}
}

var modelLimits = []quota.Limit{
	{Unit: quota.InFlight, Max: 6},
	{Unit: quota.Requests, Max: 30, Window: quota.Rolling(time.Minute)},
	{Unit: quota.Tokens, Max: 900, Window: quota.Rolling(time.Minute)},
	{Unit: quota.OutputTokens, Max: 400, Window: quota.Rolling(7*time.Second + 13)},
	{Unit: quota.Cost, Max: 20_000, Window: quota.Total()},
}

type model struct {
	t     *testing.T
	seed  uint64
	rnd   *rand.Rand
	store *quota.Memory
	calls []*modelCall

	granted []modelGrant
}

type modelGrant struct {
	at time.Time
	a  quota.Amount
}

type modelCall struct {
	r               quota.Reservation
	at, settled     time.Time
	ttl             time.Duration
	estimate, extra [quota.InFlight]int64 // by unit
}

func (m *model) step() {
	time.Sleep(time.Duration(m.rnd.Int64N(int64(3*time.Second))) >> m.rnd.IntN(12))
	switch n := m.rnd.IntN(11); {
	case n == 10:
		m.grant()
	case n < 5 || len(m.calls) == 0:
		m.reserve()
	case n < 9:
		m.settle(m.calls[m.rnd.IntN(len(m.calls))])
	default:
		m.renew(m.calls[m.rnd.IntN(len(m.calls))])
	}
	m.compare()
}

func (m *model) amount() quota.Amount {
	return quota.Amount{Requests: m.rnd.Int64N(3), InputTokens: m.rnd.Int64N(60), OutputTokens: m.rnd.Int64N(60), Cost: m.rnd.Int64N(100)}
}

func (m *model) grant() {
	g := modelGrant{time.Now(), m.amount()}
	require.NoError(m.t, m.store.Grant(m.t.Context(), "a", modelLimits, g.a))
	m.granted = append(m.granted, g)
}

func (m *model) reserve() {
	a, ttl := m.amount(), time.Duration(1+m.rnd.Int64N(int64(20*time.Second)))
	levels, err := m.store.Levels(m.t.Context(), "a", modelLimits)
	require.NoError(m.t, err)
	room := true
	for _, l := range levels {
		room = room && l.Used+a.Of(l.Limit.Unit) <= l.Limit.Max
	}
	r, err := m.store.Reserve(m.t.Context(), "a", modelLimits, a, ttl)
	require.Equal(m.t, room, err == nil, "seed %d: %v, levels %+v", m.seed, err, levels)
	if err != nil {
		var exceeded *quota.ExceededError
		require.ErrorAs(m.t, err, &exceeded)
		require.True(m.t, exceeded.RetryAt.IsZero() || exceeded.RetryAt.After(time.Now()), "seed %d: %v", m.seed, err)
		return
	}
	c := &modelCall{r: r, at: time.Now(), ttl: ttl}
	for u := range c.estimate {
		c.estimate[u] = a.Of(quota.Unit(u))
	}
	m.calls = append(m.calls, c)
}

func (m *model) settle(c *modelCall) {
	used := m.amount()
	if m.rnd.IntN(4) == 0 {
		used = quota.Amount{}
	}
	require.NoError(m.t, m.store.Settle(m.t.Context(), c.r, used))
	now := time.Now()
	if !c.settled.IsZero() || !now.Before(c.r.Expires.Add(c.ttl)) {
		return
	}
	c.settled = now
	for u := range c.estimate {
		truth := used.Of(quota.Unit(u))
		c.extra[u] = max(0, truth-c.estimate[u])
		c.estimate[u] = min(truth, c.estimate[u])
	}
}

func (m *model) renew(c *modelCall) {
	r, err := m.store.Renew(m.t.Context(), c.r, 5*time.Second)
	require.Equal(m.t, !c.flying(), errors.Is(err, quota.ErrExpired), "seed %d: %v", m.seed, err)
	if err == nil {
		c.r, c.ttl = r, 5*time.Second
	}
}

func (c *modelCall) flying() bool { return c.settled.IsZero() && time.Now().Before(c.r.Expires) }

// used adds up what was spent in the last so and so long.
func (m *model) used(u quota.Unit, length time.Duration) (sum int64) {
	for _, c := range m.calls {
		if u == quota.InFlight {
			if c.flying() {
				sum++
			}
			continue
		}
		if time.Since(c.at) < length {
			sum += c.estimate[u]
		}
		if !c.settled.IsZero() && time.Since(c.settled) < length {
			sum += c.extra[u]
		}
	}
	return sum
}

// given adds up what was granted in the last so and so long.
func (m *model) given(u quota.Unit, length time.Duration) (sum int64) {
	for _, g := range m.granted {
		if u != quota.InFlight && time.Since(g.at) < length {
			sum += g.a.Of(u)
		}
	}
	return sum
}

func (m *model) compare() {
	levels, err := m.store.Levels(m.t.Context(), "a", modelLimits)
	require.NoError(m.t, err)
	for _, l := range levels {
		length := l.Limit.Window.Length()
		longer := length + length/60 + 1
		if l.Limit.Window == quota.Total() {
			length, longer = 1<<62, 1<<62
		}
		least := m.used(l.Limit.Unit, length) - m.given(l.Limit.Unit, longer)
		most := m.used(l.Limit.Unit, longer) - m.given(l.Limit.Unit, length)
		require.LessOrEqual(m.t, least, l.Used, "seed %d: %v", m.seed, l.Limit)
		require.GreaterOrEqual(m.t, most, l.Used, "seed %d: %v", m.seed, l.Limit)
	}
}
