package health

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Validate says what in the policy makes no sense, and what to write instead: shares that are no number or can never be
// exceeded, durations so short that their unit was forgotten, and caps below what they cap. Every policy is safe to use,
// also one that Validate refuses; it only does not do what somebody meant. The error lists all that was found.
func (p Policy) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("health: Policy."+format, args...)) }

	if math.IsNaN(p.Ratio) || p.Ratio >= 1 {
		wrong("Ratio is %v, a share that is never exceeded: write one below 1, such as 0.5, or -1 for none", p.Ratio)
	}
	if math.IsNaN(p.Jitter) || p.Jitter > 1 {
		wrong("Jitter is %v: write a share of the rest up to 1, such as 0.1, or -1 for none", p.Jitter)
	}
	for _, f := range []struct {
		name string
		d    time.Duration
	}{
		{"Window", p.Window}, {"Rest", p.Rest}, {"MaxRest", p.MaxRest}, {"RateLimitRest", p.RateLimitRest},
		{"MaxRateLimitRest", p.MaxRateLimitRest}, {"ClaimTTL", p.ClaimTTL}, {"SlowStart", p.SlowStart},
	} {
		if f.d > 0 && f.d < time.Millisecond {
			wrong("%s is %v: was its unit forgotten? Write %d*time.Second", f.name, f.d, int64(f.d))
		}
	}
	if p.Rest > 0 && p.MaxRest > 0 && p.MaxRest < p.Rest {
		wrong("MaxRest (%v) is below Rest (%v), so no rest lasts that long: write a MaxRest of at least %[2]v, or -1 for no cap", p.MaxRest, p.Rest)
	}
	if p.RateLimitRest > 0 && p.MaxRateLimitRest > 0 && p.MaxRateLimitRest < p.RateLimitRest {
		wrong("MaxRateLimitRest (%v) is below RateLimitRest (%v), so no rest lasts that long: write a MaxRateLimitRest of at least %[2]v, or -1 for no cap",
			p.MaxRateLimitRest, p.RateLimitRest)
	}
	return errors.Join(errs...)
}
