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
		switch {
		case from == 24*time.Hour:
			return balancer.Schedule{}, fmt.Errorf("spans[%d].from: it is midnight at the end of the day: write 00:00", i)
		case from == to:
			return balancer.Schedule{}, fmt.Errorf("spans[%d] begins and ends at the same time: for a whole day write from 00:00 to 24:00", i)
		case span.Days != nil && len(span.Days) == 0:
			return balancer.Schedule{}, fmt.Errorf("spans[%d].days: it is on no day: leave days out for every day", i)
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
// those who do not say it. What a nil Health says is rest alone. The error is a *FieldError.
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
	return p, checkRests(p)
}

// checkRests says what in the rests cannot have been meant.
func checkRests(p health.Policy) error {
	for _, f := range []struct {
		name string
		d    time.Duration
	}{{"rest", p.Rest}, {"max_rest", p.MaxRest}, {"rate_limit_rest", p.RateLimitRest}, {"max_rate_limit_rest", p.MaxRateLimitRest}} {
		if f.d > 0 && f.d < time.Millisecond {
			return &FieldError{Field: f.name, Message: "it is shorter than 1ms: write it with its unit, as in 30s"}
		}
	}
	switch {
	case p.MaxRest > 0 && p.Rest > p.MaxRest:
		return &FieldError{Field: "max_rest", Message: fmt.Sprintf("it is shorter than the first rest, %v: write a longer one, or a shorter rest", p.Rest)}
	case p.MaxRateLimitRest > 0 && p.RateLimitRest > p.MaxRateLimitRest:
		return &FieldError{Field: "max_rate_limit_rest", Message: fmt.Sprintf("it is shorter than rate_limit_rest, %v: write a longer one", p.RateLimitRest)}
	}
	if err := p.Validate(); err != nil {
		return &FieldError{Field: "rest", Message: "the rests make no sense together: leave them out for the gateway's own", Err: err}
	}
	return nil
}
