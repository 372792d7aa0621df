package health_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/health/healthtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryKeepsTheStoresPromises(t *testing.T) {
	healthtest.Run(t, func(*testing.T) health.Store { return health.NewMemory(health.MemoryConfig{}) })
}

func put(t *testing.T, m *health.Memory, name string, s health.State) {
	t.Helper()
	_, err := m.Update(t.Context(), health.Subject{Kind: health.KindAccount, Name: name}, func(health.State) health.State { return s })
	require.NoError(t, err)
}

func TestMemoryIsBounded(t *testing.T) {
	m := health.NewMemory(health.MemoryConfig{MaxSubjects: 640})
	for i := range 10_000 {
		put(t, m, fmt.Sprint("resting ", i), health.State{RestUntil: time.Now().Add(time.Hour)})
	}
	assert.LessOrEqual(t, m.Len(), 640)
	assert.Greater(t, m.Len(), 600)

	unbounded := health.NewMemory(health.MemoryConfig{MaxSubjects: -1})
	for i := range 10_000 {
		put(t, unbounded, fmt.Sprint(i), health.State{Failures: 1})
	}
	assert.Equal(t, 10_000, unbounded.Len())
}

func TestMemoryForgetsWhatIsMissedLeast(t *testing.T) {
	m := health.NewMemory(health.MemoryConfig{MaxSubjects: 64 * 20})
	for i := range 50 {
		put(t, m, fmt.Sprint("disabled ", i), health.State{Disabled: true})
	}
	for i := range 50_000 {
		put(t, m, fmt.Sprint("healthy ", i), health.State{Since: t0})
		put(t, m, fmt.Sprint("resting ", i), health.State{RestUntil: time.Now().Add(time.Hour)})
	}
	for i := range 50 {
		states, err := m.Load(t.Context(), []health.Subject{{Kind: health.KindAccount, Name: fmt.Sprint("disabled ", i)}})
		require.NoError(t, err)
		assert.True(t, states[0].Disabled, "number %d was forgotten while others rested", i)
	}
}

func TestMemoryForgetsTheZeroState(t *testing.T) {
	m := health.NewMemory(health.MemoryConfig{})
	put(t, m, "a", health.State{Failures: 1})
	require.Equal(t, 1, m.Len())
	put(t, m, "a", health.State{})
	put(t, m, "b", health.State{})
	assert.Zero(t, m.Len())
}

func TestMemorySurvivesAPanicInUpdate(t *testing.T) {
	m := health.NewMemory(health.MemoryConfig{})
	subject := health.Subject{Kind: health.KindAccount, Name: "a"}
	assert.Panics(t, func() {
		_, _ = m.Update(t.Context(), subject, func(health.State) health.State { panic("f") })
	})
	put(t, m, "a", health.State{Failures: 1})
}

func TestNamesOfEnums(t *testing.T) {
	assert.Equal(t, `account model "main" "gpt-5"`, health.Subject{Kind: health.KindAccountModel, Name: "main", Model: "gpt-5"}.String())
	assert.Equal(t, `route "socks5://10.0.0.2:1080"`, health.Subject{Kind: health.KindRoute, Name: "socks5://10.0.0.2:1080"}.String())
	for want, got := range map[string]fmt.Stringer{
		"unknown": health.Kind(0), "provider model": health.KindProviderModel, "kind(99)": health.Kind(99),
		"half-open": health.PhaseHalfOpen, "phase(9)": health.Phase(9), "limit": health.CauseLimit,
		"neutral": health.OutcomeNeutral, "claim": health.DecisionClaim,
	} {
		assert.Equal(t, want, got.String())
	}
}

func BenchmarkMemoryLoad(b *testing.B) {
	m := health.NewMemory(health.MemoryConfig{})
	subjects := []health.Subject{
		{Kind: health.KindAccount, Name: "main"}, {Kind: health.KindAccountModel, Name: "main", Model: "gpt-5"}, {Kind: health.KindRoute, Name: "direct"},
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = m.Load(context.Background(), subjects)
	}
}

func BenchmarkMemoryUpdate(b *testing.B) {
	m, p := health.NewMemory(health.MemoryConfig{}), health.Policy{}
	subject := health.Subject{Kind: health.KindAccount, Name: "main"}
	outcomes := []health.Outcome{{Kind: health.OutcomeFailure, Reason: "500"}, {Kind: health.OutcomeSuccess}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now := time.Now()
		_, _ = m.Update(context.Background(), subject, func(s health.State) health.State { return p.Apply(s, outcomes[i%2], now) })
	}
}
