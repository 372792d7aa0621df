package balancer_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
)

// table prints rows whose cells are separated by tabs.
func table(t *testing.T, title string, rows []string) {
	t.Helper()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, r := range rows {
		_, _ = fmt.Fprintln(w, r+"\t") // a strings.Builder takes everything
	}
	_ = w.Flush()
	t.Logf("%s\n%s", title, b.String())
}

// reportAnswers: at least 99.9 % of the answerable requests are answered.
func (s *simulation) reportAnswers(t *testing.T) {
	t.Helper()
	type count struct{ requests, answerable, answered, attempts int }
	minutes := make([]count, int(simTime/time.Minute)+1)
	var all count
	why := make(map[string]int)
	for _, r := range s.requests {
		could, m := s.wasAnswerable(r), &minutes[int(r.at/time.Minute)]
		for _, c := range []*count{m, &all} {
			c.requests++
			c.attempts += len(r.attempts)
			if could {
				c.answerable++
			}
			if r.answered {
				c.answered++
			}
		}
		if could && !r.answered {
			why[simWhy(r)]++
		}
	}
	rows := []string{"minute\trequests\tanswerable\tanswered\t%\tattempts"}
	row := func(name string, c count) {
		rows = append(rows, fmt.Sprintf("%s\t%d\t%d\t%d\t%.3f\t%d", name, c.requests, c.answerable, c.answered, 100*float64(c.answered)/float64(max(1, c.answerable)), c.attempts))
	}
	for i, c := range minutes {
		if c.requests > 0 {
			row(fmt.Sprint(i), c)
		}
	}
	row("all", all)
	table(t, fmt.Sprintf("%d accounts, %d requests in %v", len(s.accounts), all.requests, simTime), rows)
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		t.Logf("%d answerable requests not answered: %s", why[reason], reason)
	}
	assert.Greater(t, float64(all.answerable), 0.99*float64(all.requests), "the world is too small for its load")
	assert.GreaterOrEqual(t, float64(all.answered), 0.999*float64(all.answerable), "answerable requests that were answered")
}

// simWhy is why a request was not answered, as far as that can be counted.
func simWhy(r *simRequest) string {
	var classes []string
	for _, a := range r.attempts {
		classes = append(classes, fmt.Sprintf("%s (%s)", a.Class, a.Provider))
	}
	switch {
	case len(classes) == 0 && r.took < simDeadline:
		return fmt.Sprintf("%s: no account was found", r.model)
	case r.took >= simDeadline:
		return fmt.Sprintf("%s: too late: %s", r.model, strings.Join(classes, ", "))
	default:
		return fmt.Sprintf("%s: given up: %s", r.model, strings.Join(classes, ", "))
	}
}

// reportBudget: attempts that follow an ambiguous failure or an overload stay under a
// fifth of the recent requests, or ten a minute.
func (s *simulation) reportBudget(t *testing.T) {
	t.Helper()
	type count struct{ requests, extra, costly int }
	minutes := make([]count, int((simTime+simDeadline)/time.Minute)+1)
	for _, r := range s.requests {
		minutes[int(r.at/time.Minute)].requests++
		for i, a := range r.attempts[min(1, len(r.attempts)):] {
			m := &minutes[int(a.Start.Sub(s.start)/time.Minute)]
			m.extra++
			if simExtra(r.attempts[i]) {
				m.costly++
			}
		}
	}
	rows := []string{"minute\trequests\tfurther attempts\tthat cost the budget\t% of the requests"}
	requests, costly := 0, 0
	for i, m := range minutes {
		requests, costly = requests+m.requests, costly+m.costly
		if m.requests > 0 {
			rows = append(rows, fmt.Sprintf("%d\t%d\t%d\t%d\t%.1f", i, m.requests, m.extra, m.costly, 100*float64(m.costly)/float64(m.requests)))
		}
		// The recent minute is not the clock's.
		assert.LessOrEqual(t, m.costly, max(10, m.requests/4)+10, "minute %d", i)
	}
	table(t, "The retry budget", rows)
	assert.LessOrEqual(t, costly, max(requests/5, 10*len(minutes)), "further attempts under the retry budget")
}

// reportLimits: no account is ever over its limits, by the world's own books.
func (s *simulation) reportLimits(t *testing.T) {
	t.Helper()
	var fullest, busiest float64
	for _, a := range s.accounts {
		fullest = max(fullest, float64(a.peak)/float64(a.inFlight))
		busiest = max(busiest, float64(a.busiest)/float64(a.perMin))
		assert.LessOrEqual(t, a.peak, a.inFlight, "%s: in flight", a.name)
		assert.LessOrEqual(t, a.busiest, a.perMin, "%s: requests in a minute", a.name)
		assert.Zero(t, a.now, "%s: still in flight at the end", a.name)
	}
	t.Logf("Limits: at most %.0f %% of an account's slots and %.0f %% of its requests a minute were used", 100*fullest, 100*busiest)
}

// reportWeights: healthy equals, which are at one provider and had no trouble, get the
// load by their weight, within 5 %, or three standard deviations of so many requests.
func (s *simulation) reportWeights(t *testing.T) {
	t.Helper()
	type class struct {
		accounts, weight, attempts int
		fair                       float64 // attempts
	}
	places, classes := make(map[*simPlace]class), make(map[int]class)
	var equals []*simAccount
	for _, a := range s.accounts {
		if len(a.models) != len(a.place.models) || len(a.episodes) > 0 || a.hidden > 0 {
			continue
		}
		equals = append(equals, a)
		p := places[a.place]
		p.weight, p.attempts = p.weight+a.weight, p.attempts+a.attempts
		places[a.place] = p
	}
	for _, a := range equals {
		c, p := classes[a.weight], places[a.place]
		c.accounts, c.attempts = c.accounts+1, c.attempts+a.attempts
		c.fair += float64(a.weight) * float64(p.attempts) / float64(p.weight)
		classes[a.weight] = c
	}
	rows := []string{"weight\taccounts\tattempts\tby weight\toff by %"}
	for _, weight := range slices.Sorted(maps.Keys(classes)) {
		c := classes[weight]
		got := float64(c.attempts) / c.fair
		rows = append(rows, fmt.Sprintf("%d\t%d\t%d\t%.0f\t%+.1f", weight, c.accounts, c.attempts, c.fair, 100*(got-1)))
		assert.InDelta(t, 1, got, max(0.05, 3/math.Sqrt(c.fair)), "load of accounts with weight %d", weight)
	}
	table(t, "Load of healthy equals", rows)
}

// simSlack is how long after its rest an account may wait for a request, and for the
// slow start that follows.
const simSlack = 20 * time.Second

// reportRecovery: accounts whose trouble is over serve again within one rest.
func (s *simulation) reportRecovery(t *testing.T) {
	t.Helper()
	rows := []string{"trouble\taccounts\tfrom\tto\tgood a minute before\tduring\tserves again after\tone rest"}
	for _, e := range s.episodes {
		before, during := "-", s.goodRate(e, e.from, e.to)
		if e.to == 0 {
			during = s.goodRate(e, e.from, simTime)
			rows = append(rows, fmt.Sprintf("%s\t%d\t%v\t\t%s\t%.1f\t\t", e.name, len(e.accounts), e.from, before, during))
			continue
		}
		usual := s.goodRate(e, e.from-time.Minute, e.from)
		took, ok := s.recovery(e, usual)
		after := took.String()
		if !ok {
			after = "never"
		}
		rows = append(rows, fmt.Sprintf("%s\t%d\t%v\t%v\t%.1f\t%.1f\t%s\t%v", e.name, len(e.accounts), e.from, e.to, usual, during, after, e.within))
		assert.True(t, ok && took <= e.within+simSlack, "%s: served again after %s, one rest is %v", e.name, after, e.within)
		assert.NotZero(t, usual, "%s: the accounts were not used before", e.name)
	}
	table(t, "Recovery", rows)
}

// goodRate is how many good answers a minute the accounts of an episode gave between
// two times.
func (s *simulation) goodRate(e *simEpisode, from, to time.Duration) float64 {
	n := 0
	for _, a := range e.accounts {
		for _, at := range a.answered {
			if at >= from && at < to {
				n++
			}
		}
	}
	return float64(n) / max(to-from, time.Second).Minutes()
}

// recovery is how long after its end the accounts of an episode served half as much
// as before, over ten seconds.
func (s *simulation) recovery(e *simEpisode, usual float64) (time.Duration, bool) {
	const span = 10 * time.Second
	for after := time.Duration(0); e.to+after+span <= simTime; after += time.Second {
		if s.goodRate(e, e.to+after, e.to+after+span) >= usual/2 {
			return after, true
		}
	}
	return 0, false
}
