package balancer

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Schedule says when an account may be used: within any of its Spans. The zero
// Schedule is always. A request that has begun is not disturbed by the end of a span.
type Schedule struct {
	Spans []Span         // nil: always
	Zone  *time.Location // whose clock the spans go by; nil: UTC
}

// Span is a part of the day, on some days of the week. Its times are those that a
// clock on the wall shows: 9 * time.Hour is nine o'clock, also on a day of 23 or 25
// hours.
type Span struct {
	Days []time.Weekday // on which it begins; nil: every day
	From time.Duration  // since midnight
	To   time.Duration  // not above From: on the next day; 24 h: midnight
}

const day = 24 * time.Hour

// check refuses what cannot have been meant.
func (s *Schedule) check() error {
	if s.Spans != nil && len(s.Spans) == 0 {
		return errors.New("it has no spans, which is never: write nil for always, or set Disabled")
	}
	for i, span := range s.Spans {
		switch {
		case span.Days != nil && len(span.Days) == 0:
			return fmt.Errorf("span %d: it is on no day: write nil for every day", i)
		case span.From < 0 || span.From >= day || span.To < 0 || span.To > day:
			return fmt.Errorf("span %d: %v to %v is not within a day: write times since midnight, such as 9*time.Hour", i, span.From, span.To)
		case 0 < span.From && span.From < time.Second, 0 < span.To && span.To < time.Second:
			return fmt.Errorf("span %d: %v to %v: was their unit forgotten? Write times since midnight, such as 9*time.Hour", i, span.From, span.To)
		case span.From == span.To:
			return fmt.Errorf("span %d: it begins and ends at %v: for a whole day write From: 0, To: 24*time.Hour", i, span.From)
		case slices.ContainsFunc(span.Days, func(d time.Weekday) bool { return d < time.Sunday || d > time.Saturday }):
			return fmt.Errorf("span %d: Days: one of them is no day of the week", i)
		}
	}
	return nil
}

// closed tells whether the account is off duty, and when it is on again.
func (s *Schedule) closed(now time.Time) (opens time.Time, closed bool) {
	if s.Spans == nil {
		return time.Time{}, false
	}
	zone := s.Zone
	if zone == nil {
		zone = time.UTC
	}
	local := now.In(zone)
	for _, span := range s.Spans {
		for ago := range 2 { // today's and yesterday's, which may last until today
			if from, to, on := span.on(local, -ago, zone); on && !now.Before(from) && now.Before(to) {
				return time.Time{}, false
			}
		}
		for ahead := range 8 {
			from, _, on := span.on(local, ahead, zone)
			if on && from.After(now) && (opens.IsZero() || from.Before(opens)) {
				opens = from
			}
		}
	}
	return opens, true
}

// on is the span so many days after a day, if there is one on that.
func (s *Span) on(local time.Time, days int, zone *time.Location) (from, to time.Time, ok bool) {
	y, m, d := local.Date()
	noon := time.Date(y, m, d+days, 12, 0, 0, 0, zone)
	if s.Days != nil && !slices.Contains(s.Days, noon.Weekday()) {
		return from, to, false
	}
	next := 0
	if s.To <= s.From {
		next = 1
	}
	return wall(y, m, d+days, s.From, zone), wall(y, m, d+days+next, s.To, zone), true
}

// wall is when a clock on the wall shows a time of the day.
func wall(y int, m time.Month, d int, since time.Duration, zone *time.Location) time.Time {
	return time.Date(y, m, d, int(since/time.Hour), int(since%time.Hour/time.Minute), int(since%time.Minute/time.Second), int(since%time.Second), zone)
}
