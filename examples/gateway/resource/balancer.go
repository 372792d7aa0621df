package resource

import (
	"fmt"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
)

// Balancer is the schedule as the balancer knows it. The error names the span and says
// what to write instead.
func (s Schedule) Balancer() (balancer.Schedule, error) {
	zone, err := location(s.Zone)
	if err != nil {
		return balancer.Schedule{}, err
	}
	if len(s.Spans) == 0 {
		return balancer.Schedule{}, fmt.Errorf("spans are missing: write some, or leave the schedule out for always")
	}
	out := balancer.Schedule{Zone: zone}
	for i, span := range s.Spans {
		from, err := clock(span.From)
		if err != nil {
			return balancer.Schedule{}, fmt.Errorf("spans[%d].from: %w", i, err)
		}
		to, err := clock(span.To)
		if err != nil {
			return balancer.Schedule{}, fmt.Errorf("spans[%d].to: %w", i, err)
		}
		var days []time.Weekday
		for _, name := range span.Days {
			day, err := weekday(name)
			if err != nil {
				return balancer.Schedule{}, fmt.Errorf("spans[%d].days: %w", i, err)
			}
			days = append(days, day)
		}
		out.Spans = append(out.Spans, balancer.Span{Days: days, From: from, To: to})
	}
	return out, nil
}

// Policy is the health settings as the balancer knows them; rest is the first rest of
// those who do not say it. What a nil Health says is rest alone.
func (h *Health) Policy(rest time.Duration) (health.Policy, error) {
	p := health.Policy{Rest: rest}
	if h != nil {
		p = health.Policy{
			Failures: h.Failures, DisableAfter: h.DisableAfter, AuthFailures: h.AuthFailures,
			Rest: time.Duration(h.Rest), MaxRest: time.Duration(h.MaxRest),
			RateLimitRest: time.Duration(h.RateLimitRest), MaxRateLimitRest: time.Duration(h.MaxRateLimitRest),
		}
		if p.Rest == 0 {
			p.Rest = rest
		}
	}
	return p, p.Validate()
}
