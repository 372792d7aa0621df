package health_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/health"
)

func TestGuessedLimit(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	limit := func(in time.Duration) health.Outcome {
		o := health.Outcome{Kind: health.OutcomeRest, Started: now, Seed: 7}
		if in > 0 {
			o.Until = now.Add(in)
		}
		return o
	}
	tests := map[string]struct {
		policy health.Policy
		o      health.Outcome
		want   bool
	}{
		"guessed":                   {health.Policy{}, limit(0), true},
		"guessed, without chance":   {health.Policy{Jitter: -1}, limit(0), true},
		"named":                     {health.Policy{}, limit(10 * time.Second), false},
		"named, beyond the cap":     {health.Policy{}, limit(5 * time.Hour), false},
		"capped guess":              {health.Policy{RateLimitRest: 2 * time.Hour}, limit(0), false},
		"a failure":                 {health.Policy{Failures: 1}, health.Outcome{Kind: health.OutcomeFailure, Started: now}, false},
		"guessed, and another rest": {health.Policy{RateLimitRest: time.Minute}, limit(0), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.want, tt.policy.GuessedLimit(tt.policy.Apply(health.State{}, tt.o, now)))
		})
	}
	assert.False(t, health.Policy{}.GuessedLimit(health.State{}))
}
