package balancer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aitransport/aitransport/health"
)

// serving is equal for accounts that serve the same requests: it is made of all that
// suits looks at.
func (m *member) serving() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %v %q", m.Provider.Operations, m.Operations, slices.Sorted(slices.Values(m.Groups)))
	if m.Models == nil {
		b.WriteString(" all")
	}
	for _, asked := range slices.Sorted(maps.Keys(m.Models)) {
		fmt.Fprintf(&b, " %q:%q", asked, m.Models[asked])
	}
	if m.pricing.limited {
		fmt.Fprintf(&b, " limited %q %q", m.Provider.Name, m.Provider.Vendor)
	}
	return b.String()
}

// ready tells whether anybody may use the account now: why not, and until when. With a
// model: that model of it.
func (m *member) ready(t *Transport, now time.Time, model string) (until int64, why unready) {
	if until, why := m.busy(now); why != ready {
		return until, why
	}
	for _, d := range m.domains {
		if s := d.state.Load(); s != nil {
			if v := m.policy.Allow(*s, now); v.Decision == health.DecisionNo {
				until, why = max(until, nanos(v.Until)), why.and(*s, now)
			}
		}
	}
	if model != "" {
		if v, d := m.modelVerdict(t, model, now); v.Decision == health.DecisionNo {
			until, why = max(until, nanos(v.Until)), why.and(d.known(), now)
		}
	}
	return until, why
}

// and is why an account cannot be used for that reason and for the state of one more of
// its domains.
func (why unready) and(s health.State, now time.Time) unready {
	if why != restingNow && tested(s, now) {
		return testedNow
	}
	return restingNow
}

// tested tells whether a request is finding out how a domain is.
func tested(s health.State, now time.Time) bool {
	return s.Phase(now) == health.PhaseHalfOpen && now.Before(s.ProbeUntil)
}

// testTakes is when it is worth to ask again who is being tried by another request: it
// will be known soon as a rule, which nobody can say for sure.
const testTakes = time.Second

// busy tells whether the account is full or off duty, and until when.
func (m *member) busy(now time.Time) (until int64, why unready) {
	if m.maxInFlight > 0 && m.counters.inFlight.Load() >= m.maxInFlight {
		return noEnd, busyNow
	}
	if f := m.counters.full.Load(); f != nil && f.until > now.UnixNano() {
		return f.until, f.why()
	}
	if opens, closed := m.Schedule.closed(now); closed {
		return nanos(opens), busyNow
	}
	return 0, ready
}

// crowded tells whether as many requests are in flight as the account's limit allows.
func (m *member) crowded(now time.Time) bool {
	if m.maxInFlight > 0 && m.counters.inFlight.Load() >= m.maxInFlight {
		return true
	}
	f := m.counters.full.Load()
	return f != nil && f.inFlight && f.until > now.UnixNano()
}

// modelVerdict is what health says of a model that was asked for, and about what: that it
// rests, there or at the provider, until the later of these; or that somebody has to try it.
func (m *member) modelVerdict(t *Transport, asked string, now time.Time) (found health.Verdict, about *domain) {
	found.Decision = health.DecisionYes
	model, ok := m.models.serves(asked)
	if !ok || model == "" {
		return found, nil
	}
	for _, s := range [...]health.Subject{m.accountModel(model), m.providerModel(model)} {
		d := t.domains.ofModel(s)
		if d == nil {
			continue
		}
		v, no := m.policy.Allow(d.known(), now), found.Decision == health.DecisionNo
		switch {
		case v.Decision == health.DecisionNo && (!no || nanos(v.Until) > nanos(found.Until)),
			v.Decision == health.DecisionClaim && !no:
			found, about = v, d
		}
	}
	return found, about
}

// objection is why an account is passed over, and until when.
type objection struct {
	reason string // "": nothing speaks against it
	until  time.Time
}

// why says what speaks against an account, for people.
func (c *chooser) why(m *member, now time.Time) objection {
	if reason := m.suits(c.r); reason != "" {
		return objection{reason: reason}
	}
	if c.hasTried(m) {
		return objection{reason: "already tried"}
	}
	if c.unpriced(m) {
		return objection{reason: fmt.Sprintf("the request is charged by its cost, and Config.Prices does not know the price of %.100q at %q", c.r.Operation.Model, m.Provider.Name)}
	}
	if o := m.objection(now); o.reason != "" {
		return o
	}
	if v, d := m.modelVerdict(c.t, c.r.Operation.Model, now); v.Decision == health.DecisionNo {
		return rests(d, v, now)
	}
	return objection{}
}

// objection says what speaks against an account whatever the request.
func (m *member) objection(now time.Time) objection {
	switch f := m.counters.full.Load(); {
	case f != nil && f.until > now.UnixNano():
		if f.inFlight {
			return objection{f.reason, moment(f.until)}
		}
		return objection{f.reason, f.retryAt}
	case m.maxInFlight > 0 && m.counters.inFlight.Load() >= m.maxInFlight:
		return objection{reason: asMany(m.maxInFlight)}
	}
	if opens, closed := m.Schedule.closed(now); closed {
		return objection{"off duty by its schedule", opens}
	}
	for _, d := range m.domains {
		if s := d.state.Load(); s != nil {
			if v := m.policy.Allow(*s, now); v.Decision == health.DecisionNo {
				return rests(d, v, now)
			}
		}
	}
	return objection{}
}

// rests says of a domain that it cannot be used.
func rests(d *domain, v health.Verdict, now time.Time) objection {
	s, until := d.known(), v.Until
	how := "rests"
	switch {
	case s.Disabled:
		how = "disabled"
	case !s.ProbeUntil.IsZero() && v.Until.Equal(s.ProbeUntil):
		how = "being tried by another request"
		until = now.Add(min(testTakes, until.Sub(now)))
	}
	return objection{unusable(d.subject, how, s.Reason, s.Disabled), until}
}

// none says why no account could be taken: of each, up to a bound, or of the only one
// that can serve the request.
func (c *chooser) none() error {
	var passed passedOver
	now := time.Now()
	if c.one == nil {
		if passed.because = c.nowhere(); passed.because != "" {
			return &Error{Err: passed.err()}
		}
	}
	members := c.r.route.members
	if c.one != nil {
		members = []*member{c.one}
		if c.r.thing != "" {
			passed.because = fmt.Sprintf("%.100q lives in one account only: ", c.r.thing)
		}
	}
	for _, m := range members[:min(len(members), maxReasons)] {
		o := c.why(m, now)
		switch {
		case o.reason != "":
		case c.declined:
			o.reason = "the Picker wanted none"
		case c.broken:
			o.reason = "its quota cannot be asked"
		case slices.Contains(c.left, m):
			o.reason = "tried by another request just now"
		default:
			o.reason = "was not free a moment ago"
		}
		passed.add(m.Name, o.reason, o.until)
		if c.t.cfg.MaxWait == 0 && m.crowded(now) {
			passed.advice = waitAdvice
		}
	}
	passed.more = len(members) - len(passed.reasons)
	if passed.more > 0 {
		passed.sooner(moment(c.all.soonest()))
	}
	if c.one == nil {
		c.disabled(&passed)
	}
	if c.broken {
		passed.cause = c.cause
		passed.sooner(retryOf(c.cause))
	}
	return &Error{RetryAt: passed.retryAt, Err: passed.err()}
}

// missing says why an account that is named cannot be asked at all.
func (c *chooser) missing(name string) string {
	switch {
	case slices.ContainsFunc(c.r.route.off, func(m *member) bool { return m.Name == name }):
		return disabledByConfiguration
	case c.r.fleet.byName[name] != nil:
		return "its provider does not stand where the URL leads"
	default:
		return "no account has that name"
	}
}

// disabled names the accounts that the configuration disables, while there is room.
func (c *chooser) disabled(passed *passedOver) {
	for _, m := range c.r.route.off {
		if len(passed.reasons) == maxReasons {
			passed.more++
			continue
		}
		passed.add(m.Name, disabledByConfiguration, time.Time{})
	}
}
