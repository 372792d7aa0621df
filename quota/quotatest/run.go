package quotatest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// Run checks a store that lives in this process. Each case runs in a bubble of testing/synctest, so that waiting takes no
// time: open is called inside it, once for each case, and returns a store in which nothing is used. What open starts must
// end by the end of the case (t.Cleanup).
func Run(t *testing.T, open func(t *testing.T) quota.Store) {
	t.Helper()
	Suite{Open: open}.Run(t)
}

// RunRealTime checks a store whose clock is the world's. The cases run in parallel, since they wait in earnest: for some
// 20 seconds. open returns a store in which nothing is used.
func RunRealTime(t *testing.T, open func(t *testing.T) quota.Store) {
	t.Helper()
	Suite{Open: open, RealTime: true}.Run(t)
}

// Suite is how a store is checked.
type Suite struct {
	// Open returns a store in which nothing is used, for each case. It is required.
	Open func(t *testing.T) quota.Store

	// RealTime says that the store's clock is the world's: see Run and RunRealTime. What takes days is then left out.
	RealTime bool

	// Now is the time on the store's wall, where that is not this process's: some cases wait for a daily window that
	// begins in two seconds by it. It must be right to a tenth of a second. nil: time.Now.
	Now func() time.Time
}

// Run checks the store.
func (s Suite) Run(t *testing.T) {
	t.Helper()
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			if s.RealTime {
				t.Parallel()
				p.report(t, s.bench(t))
				return
			}
			synctest.Test(t, func(t *testing.T) { p.report(t, s.bench(t)) })
		})
	}
}

func (s Suite) bench(t *testing.T) *bench {
	b := &bench{Context: t.Context(), Store: s.Open(t), now: s.Now, realTime: s.RealTime}
	if b.now == nil {
		b.now = time.Now
	}
	return b
}

// promise is one case: what a store promises, and a check that returns what was seen instead.
type promise struct {
	name, text string
	check      func(*bench) error
}

var promises = []promise{
	{"up to the limit", "a limit admits Max, and the ExceededError after that says which limit, how much is used and left, and when there is room", checkUpToLimit},
	{"units", "each unit counts what it is named for, Tokens input and output together", checkUnits},
	{"keys", "each key has counts of its own", checkKeys},
	{"no limits", "a reservation without limits is admitted, and settled like any other", checkNoLimits},
	{"all or none", "an amount is charged to every limit of the key or to none", checkAllOrNone},
	{"last to have room", "the ExceededError is about the limit that will have room last", checkLastToHaveRoom},
	{"same limit twice", "limits of one unit and window share one count, which is charged once", checkSameLimitTwice},
	{"Max changes", "Max can be changed while its count runs", checkMaxChanges},
	{"nonsense", "arguments that make no sense are errors other than ErrExceeded, and nothing happens", checkNonsense},
	{"done context", "with a context that is already done, a method returns an error and nothing happens", checkDone},
	{"truth", "Settle replaces the estimate by what was used", checkTruth},
	{"settled once", "settling is done once, however often it is called, and the first call counts", checkSettledOnce},
	{"settled once by many", "settling is done once, by however many at a time", checkSettledOnceByMany},
	{"cancel", "settling the zero Amount gives everything back", checkCancel},
	{"debt", "truth above the estimate is booked, and keeps the next reservation out until the window has room", checkDebt},
	{"debt of an idle unit", "a limit whose unit the amount has none of has room unless it is in debt", checkIdleUnit},
	{"in flight", "a reservation is one in flight for its key until it is settled, whether or not a limit asks", checkInFlight},
	{"rolling", "in any stretch of time as long as the window no more than Max is admitted, and what was spent is held a tenth longer at most", checkRolling},
	{"total", "what was spent in the total window stays spent", checkTotal},
	{"days", "a daily, weekly or monthly window begins at its time by the clock of its zone, and what was reserved before is given back there and not in the new one", checkDays},
	{"calendar", "it does so wherever clocks are changed and months are short", checkCalendar},
	{"expiry", "a reservation that is not settled within its ttl is no longer in flight, and its estimate stands", checkExpiry},
	{"late truth", "a reservation that has expired can still be settled for one more ttl", checkLateTruth},
	{"renewal", "a renewed reservation expires ttl after it was renewed; a settled or expired one cannot be renewed", checkRenewal},
	{"levels", "Levels says what is used and left, for each limit in its place", checkLevels},
	{"reset", "Reset forgets what was used, and what lives stays in flight", checkReset},
	{"limits change", "a new limit counts from then on, one that is left out and comes back still has its count, and a reservation is settled in the limits it was reserved under", checkLimitsChange},
	{"grant", "Grant takes off what was used, and what is above that is had on top of Max until the window has passed", checkGrant},
	{"charges", "an amount is charged to all keys or to none, and the ExceededError is about the first that has no room", checkCharges},
	{"charges by many", "however many charge several keys at a time, no limit admits more than Max and nothing is lost", checkChargesByMany},
	{"no overspend", "however many reserve at a time, no limit admits more than Max, and none refuses while there is room", checkNoOverspend},
}

func (p promise) report(t *testing.T, b *bench) {
	err := p.check(b)
	switch {
	case errors.Is(err, errOptional) || errors.Is(err, errTakesDays) || p.optional() && errors.Is(err, errors.ErrUnsupported):
		t.Skip(err)
	case err != nil:
		t.Errorf("%v\nthe promise: %s", err, p.text)
	}
}

// optional reports whether the promise is one of a store that is more than a Store. One that is in front of another may
// have the methods, and answer errors.ErrUnsupported.
func (p promise) optional() bool {
	switch p.name {
	case "renewal", "levels", "reset", "grant":
		return true
	default:
		return false
	}
}

// errOptional is that a check does not apply to the store.
var errOptional = errors.New("optional, and the store has none")

// errTakesDays is that a check is only for stores in a bubble.
var errTakesDays = errors.New("takes days of the store's clock, which runs in real time")

// The times of the suite: long enough for a slow machine in real time, and short enough to wait for.
const (
	window = 4 * time.Second
	ttl    = 2 * time.Second
	long   = time.Hour
	slack  = 300 * time.Millisecond
)

// key is what most cases charge.
const key = "acme"

// bench is one store under test.
type bench struct {
	context.Context
	quota.Store
	now      func() time.Time // on the store's wall
	realTime bool
}

// admit reserves for the long ttl, and it is an error if that is refused.
func (b *bench) admit(limits []quota.Limit, a quota.Amount) (quota.Reservation, error) {
	return b.admitFor(long, limits, a)
}

func (b *bench) admitFor(ttl time.Duration, limits []quota.Limit, a quota.Amount) (quota.Reservation, error) {
	r, err := b.Reserve(b, key, limits, a, ttl)
	if err != nil {
		return r, seen("Reserve of %+v under %v, where there is room: %w", a, limits, err)
	}
	if r.ID == "" || r.Key != key {
		return r, seen("Reserve for key %q returned %+v", key, r)
	}
	return r, nil
}

// refuse reserves, and it is an error if that is admitted.
func (b *bench) refuse(limits []quota.Limit, a quota.Amount) (*quota.ExceededError, error) {
	_, err := b.Reserve(b, key, limits, a, long)
	e, err := refusal(limits, err)
	if err != nil {
		return nil, seen("Reserve of %+v: %w", a, err)
	}
	return e, nil
}

// refusal is what a Reserve without room has to return.
func refusal(limits []quota.Limit, err error) (*quota.ExceededError, error) {
	var exceeded *quota.ExceededError
	switch {
	case err == nil:
		return nil, seen("admitted under %v, where there is no room", limits)
	case !errors.As(err, &exceeded) || !errors.Is(err, quota.ErrExceeded):
		return nil, seen("under %v, where there is no room: want an *ExceededError, got %T: %w", limits, err, err)
	}
	return exceeded, nil
}

// used checks that exactly so much of a limit of 1,000 is used: by what a refusal says, and by asking for what is left.
func (b *bench) used(limit quota.Limit, want int64) error { return b.usedBy(key, limit, want) }

func (b *bench) usedBy(key string, limit quota.Limit, want int64) error {
	limit.Max = 1000
	limits := []quota.Limit{limit}
	left := limit.Max - want
	_, err := b.Reserve(b, key, limits, amount(limit.Unit, max(0, left+1)), long)
	e, err := refusal(limits, err)
	if err != nil {
		return seen("with %d of %v used: %w", want, limit, err)
	}
	if e.Used != want {
		return seen("with %d of %v used, the error says %d", want, limit, e.Used)
	}
	if want > limit.Max {
		return nil
	}
	r, err := b.Reserve(b, key, limits, amount(limit.Unit, left), long)
	if err != nil {
		return seen("Reserve of the %d left with %d of %v used: %w", left, want, limit, err)
	}
	return b.Settle(b, r, quota.Amount{})
}

// amount is n of the unit.
func amount(u quota.Unit, n int64) quota.Amount {
	switch u {
	case quota.Requests:
		return quota.Amount{Requests: n}
	case quota.InputTokens, quota.Tokens:
		return quota.Amount{InputTokens: n}
	case quota.OutputTokens:
		return quota.Amount{OutputTokens: n}
	case quota.Cost:
		return quota.Amount{Cost: n}
	default:
		return quota.Amount{}
	}
}

func total(u quota.Unit, limit int64) quota.Limit {
	return quota.Limit{Unit: u, Max: limit, Window: quota.Total()}
}

func rolling(u quota.Unit, limit int64) quota.Limit {
	return quota.Limit{Unit: u, Max: limit, Window: quota.Rolling(window)}
}

func inFlight(limit int64) quota.Limit { return quota.Limit{Unit: quota.InFlight, Max: limit} }

// first is the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// seen is what a check saw instead of what was promised.
func seen(format string, args ...any) error { return fmt.Errorf(format, args...) }
