package health_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/health"
)

func TestShare(t *testing.T) {
	const (
		success = health.OutcomeSuccess
		limit   = health.OutcomeRest
	)
	recovers := then(failures(5, 0), event{at: 30, claim: true}, event{at: 31, began: 30, kind: success})
	cases := []struct {
		name   string
		policy health.Policy
		events []event
		now    float64
		want   float64
	}{
		{"never failed", exact, nil, 0, 1},
		{"failed, but in use", exact, failures(4, 0), 0, 1},
		{"resting", exact, failures(5, 0), 29, 0.1},
		{"waiting for the probe", exact, failures(5, 0), 1e6, 0.1},
		{"disabled", exact, []event{{kind: health.OutcomeDisable, permanent: true}}, 1e6, 0.1},
		{"just recovered", exact, recovers, 31, 0.1},
		{"half of the way", exact, recovers, 46, 0.55},
		{"most of the way", exact, recovers, 58, 0.91},
		{"there", exact, recovers, 61, 1},
		{"long there", exact, recovers, 1e6, 1},
		{"by a clock that is behind", exact, recovers, 20, 0.1},
		{"a slower start", health.Policy{Jitter: -1, SlowStart: 5 * time.Minute}, recovers, 31 + 150, 0.55},
		{"no slow start", health.Policy{Jitter: -1, SlowStart: -1}, recovers, 31, 1},
		{"no slow start: nor anywhere else", health.Policy{Jitter: -1, SlowStart: -1}, failures(5, 0), 0, 1},
		{"after a reset that the provider named", exact, []event{{kind: limit, until: 60}}, 60, 1},
		{"after one that was guessed, and probed", exact, []event{{kind: limit}, {at: 30, kind: success}}, 30, 0.1},
		{"a rate limit does not end a slow start", exact, then(recovers, event{at: 36, kind: limit, until: 45}), 46, 0.55},
		{"nor does a failure", exact, then(recovers, failures(4, 36)...), 46, 0.55},
		{"a second recovery starts again", exact, then(recovers, then(failures(5, 40), event{at: 70, kind: success})...), 70, 0.1},
		{"enabled while resting", exact, then(failures(5, 0), event{at: 10, enable: true}), 25, 0.55},
		{"enabled while in use", exact, then(failures(4, 0), event{at: 10, enable: true}), 10, 1},
		{"enabled while starting slowly", exact, then(recovers, event{at: 40, enable: true}), 46, 0.55},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := play(t, c.policy, c.events)
			assert.InDelta(t, c.want, c.policy.Share(s, at(c.now)), 1e-9, "%+v", s)
		})
	}
}
