package balancer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/health"
)

// TestAModelThatRestsAnywhereRests: at the account or at the provider, until both rests are
// over, though it could be tried at the other.
func TestAModelThatRestsAnywhereRests(t *testing.T) {
	now := time.Now()
	failed := func(at time.Time) health.State {
		return health.Policy{Failures: 1, Rest: time.Minute, Jitter: -1}.Apply(health.State{}, health.Outcome{Kind: health.OutcomeFailure}, at)
	}
	var (
		well  health.State
		due   = failed(now.Add(-time.Hour)) // to be tried
		short = failed(now.Add(-30 * time.Second))
		long  = failed(now)
		never = health.Policy{}.Disable(health.State{}, "withdrawn", now)
	)
	no := func(s health.State) health.Verdict {
		return health.Verdict{Decision: health.DecisionNo, Until: s.RestUntil, Reason: s.Reason}
	}
	claim, yes := health.Verdict{Decision: health.DecisionClaim}, health.Verdict{Decision: health.DecisionYes}
	tests := map[string]struct {
		a, b health.State
		want health.Verdict
	}{
		"both are well":            {well, well, yes},
		"one is to be tried":       {well, due, claim},
		"both are":                 {due, due, claim},
		"one rests":                {well, long, no(long)},
		"the other is to be tried": {due, long, no(long)},
		"both rest":                {short, long, no(long)},
		"one rests for good":       {never, long, no(never)},
	}
	for name, tt := range tests {
		for _, states := range [][2]health.State{{tt.a, tt.b}, {tt.b, tt.a}} {
			t.Run(name, func(t *testing.T) {
				lb := deaf(t, nil, named("main", nil))
				m := lb.fleet.Load().members[0]
				at, by := m.accountModel("gpt-5"), m.providerModel("gpt-5")
				lb.domains.failing(at).learn(states[0], now)
				lb.domains.failing(by).learn(states[1], now)
				v, d := m.modelVerdict(lb, "gpt-5", now)
				assert.Equal(t, tt.want, v)
				if tt.want != yes {
					assert.Equal(t, tt.want, m.policy.Allow(d.known(), now), "of what it is about")
				}
			})
		}
	}
}
