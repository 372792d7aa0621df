package health_test

import (
	"context"
	"fmt"
	"time"

	"github.com/aitransport/aitransport/health"
)

// An account fails five times, rests, and is let back in by one attempt that succeeds.
func Example() {
	var (
		ctx    = context.Background()
		policy = health.Policy{Jitter: -1} // exact times, for the example's sake
		store  = health.NewMemory(health.MemoryConfig{})
		main   = health.Subject{Kind: health.KindAccount, Name: "main"}
		noon   = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	)
	report := func(o health.Outcome, now time.Time) {
		s, err := store.Update(ctx, main, func(s health.State) health.State { return policy.Apply(s, o, now) })
		fmt.Println(o.Kind, "→", s.Phase(now), err)
	}
	allow := func(now time.Time) {
		states, err := store.Load(ctx, []health.Subject{main})
		if err != nil {
			panic(err)
		}
		v := policy.Allow(states[0], now)
		fmt.Printf("may it be used? %v; until %v: %q\n", v.Decision, v.Until.Format(time.TimeOnly), v.Reason)
	}

	for range 5 {
		report(health.Outcome{Kind: health.OutcomeFailure, Reason: "500 Internal Server Error"}, noon)
	}
	allow(noon.Add(10 * time.Second))

	later := noon.Add(30 * time.Second)
	allow(later)
	var mine bool
	_, _ = store.Update(ctx, main, func(s health.State) health.State {
		s, mine = policy.Claim(s, later)
		return s
	})
	fmt.Println("the probe is mine:", mine)
	report(health.Outcome{Kind: health.OutcomeSuccess, Started: later}, later.Add(time.Second))

	// Output:
	// failure → closed <nil>
	// failure → closed <nil>
	// failure → closed <nil>
	// failure → closed <nil>
	// failure → open <nil>
	// may it be used? no; until 12:00:30: "500 Internal Server Error"
	// may it be used? claim; until 00:00:00: ""
	// the probe is mine: true
	// success → closed <nil>
}
