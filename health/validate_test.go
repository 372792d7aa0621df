package health_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/health"
)

func TestSenselessPolicies(t *testing.T) {
	for says, p := range map[string]health.Policy{
		"health: Policy.Ratio is 1.5, a share that is never exceeded: write one below 1, such as 0.5, or -1 for none": {Ratio: 1.5},
		"health: Policy.Ratio is 1, a share": {Ratio: 1},
		"health: Policy.Ratio is NaN":        {Ratio: math.NaN()},
		"health: Policy.Jitter is 7: write a share of the rest up to 1, such as 0.1, or -1 for none": {Jitter: 7},
		"health: Policy.Jitter is NaN":  {Jitter: math.NaN()},
		"health: Policy.Jitter is +Inf": {Jitter: math.Inf(1)},
		"health: Policy.Window is 60ns: was its unit forgotten? Write 60*time.Second": {Window: 60},
		"health: Policy.Rest is 30ns":        {Rest: 30},
		"health: Policy.SlowStart is 5ns":    {SlowStart: 5},
		"health: Policy.ClaimTTL is 5ns":     {ClaimTTL: 5},
		"health: Policy.MaxRest is 5ns":      {MaxRest: 5},
		"health: Policy.RateLimitRest is":    {RateLimitRest: 5},
		"health: Policy.MaxRateLimitRest is": {MaxRateLimitRest: 5},
		"health: Policy.MaxRest (10s) is below Rest (1m0s), so no rest lasts that long: write a MaxRest of at least 1m0s, or -1 for no cap": {Rest: time.Minute, MaxRest: 10 * time.Second},
		"MaxRateLimitRest (10s) is below RateLimitRest (1m0s)":                                                                              {RateLimitRest: time.Minute, MaxRateLimitRest: 10 * time.Second},
	} {
		assert.ErrorContains(t, p.Validate(), says)
	}
	both := health.Policy{Ratio: 2, Jitter: 2}.Validate()
	assert.ErrorContains(t, both, "Ratio")
	assert.ErrorContains(t, both, "Jitter")
}

func TestSensiblePolicies(t *testing.T) {
	for _, p := range []health.Policy{
		{}, exact, ratioOnly,
		{Failures: -1, Ratio: -1, Window: -1, MinSamples: -1, DisableAfter: -1, Rest: -1, MaxRest: -1, Jitter: -1, RateLimitRest: -1, MaxRateLimitRest: -1, ClaimTTL: -1, AuthFailures: -1, SlowStart: -1},
		{Ratio: 0.99, Jitter: 1, Window: time.Millisecond, DisableAfter: 1, MinSamples: 1},
		{MaxRest: 10 * time.Second}, {Rest: math.MaxInt64, MaxRest: -1},
	} {
		assert.NoError(t, p.Validate(), "%+v", p)
	}
}
