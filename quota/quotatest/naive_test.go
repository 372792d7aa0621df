package quotatest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// naive is a store that writes down everything that happened and adds it up each time it is asked: slow, and obviously
// right. It can be broken in one place at a time.
type naive struct {
	mu     sync.Mutex
	breaks faults
	calls  []*call
}

// faults are the ways to break it.
type faults struct {
	keepsPart      bool // a refused reservation stays charged to the limits before the one that refused it
	settlesTwice   bool // every Settle is booked
	reusesIDs      bool // gives a reservation the ID of one that was settled
	checksFirst    bool // looks for room, lets others in, and spends
	neverExpires   bool // the slot of a dead owner is lost
	expiryRefunds  bool // the estimate of a dead owner is given back
	forgetsExpired bool // a late truth is not booked
	forgivesDebt   bool // truth above the estimate is not booked
	keepsEstimate  bool // truth below the estimate is not booked
	fixedWindows   bool // counts from the last full window, not the last so and so long
	slowWindows    bool // holds a spend for half as long again
	oneKey         bool
	inputIsAll     bool // counts only input tokens as tokens
	countsAsked    bool // counts as in flight only reservations with such a limit
	chargesTwice   bool // charges a limit that is named twice twice
	keepsMax       bool // goes by the first Max it saw
	heedless       bool // goes on although the context is done
	gullible       bool // takes every argument
	firstFull      bool // reports the first limit that has no room
	hopeful        bool // promises room where there never will be any
	renewsDead     bool // renews whatever is settled or expired
	resetsFlying   bool // Reset ends what is in flight
	cancelsRequest bool // a cancelled request stays charged
	dayLengths     bool // counts the last 24 hours as a day, and so on
	lateDays       bool // has days begin an hour late
	noSummer       bool // does not know that clocks are changed
	refundsNow     bool // gives back when it is settled, not when it was reserved
	settlesAsked   bool // settles in every limit that the key ever had
	grantsNothing  bool
	grantsBackOnly bool // a grant is at most what was used
	grantsForever  bool // a grant never leaves its window
}

// call is one reservation, and what became of it.
type call struct {
	key              string
	limits           []quota.Limit
	at, due, settled time.Time
	ttl              time.Duration
	estimate, extra  quota.Amount // what is charged from at on, and from settled on
	dead, void       bool         // Reset was called; refused, and should not be here
}

func (c *call) live(now time.Time) bool { return c.settled.IsZero() && now.Before(c.due) }

func (s *naive) Reserve(ctx context.Context, key string, limits []quota.Limit, a quota.Amount, ttl time.Duration) (quota.Reservation, error) {
	if ctx.Err() != nil && !s.breaks.heedless {
		return quota.Reservation{}, ctx.Err()
	}
	if err := check(key, limits, a, ttl); err != nil && !s.breaks.gullible {
		return quota.Reservation{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	c := &call{key: s.key(key), limits: limits, at: now, due: now.Add(ttl), ttl: ttl, estimate: a}
	if err := s.refusal(c, key, now); err != nil {
		return quota.Reservation{}, err
	}
	if s.breaks.checksFirst {
		s.mu.Unlock()
		time.Sleep(time.Millisecond) // broken on purpose: others come in between, and the suite must catch it
		s.mu.Lock()
	}
	return quota.Reservation{ID: fmt.Sprint(s.add(c)), Key: key, Expires: c.due}, nil
}

// add notes a call, and returns its number.
func (s *naive) add(c *call) int {
	s.calls = append(s.calls, c)
	for i, old := range s.calls {
		if s.breaks.reusesIDs && old.key == c.key && !old.settled.IsZero() {
			s.calls[i], s.calls[len(s.calls)-1] = c, old
			return i + 1
		}
	}
	return len(s.calls)
}

// refusal is the error about the limit that has room last, nil if all have room.
func (s *naive) refusal(c *call, key string, now time.Time) error {
	var worst *quota.ExceededError
	var until time.Time
	for i, limit := range c.limits {
		asked, used := s.of(c.estimate, limit.Unit), s.used(c.key, limit, now)
		if most := s.most(c.key, limit); asked <= most-used {
			continue
		}
		e := &quota.ExceededError{Key: key, Limit: limit, Used: used, Asked: asked, Left: max(0, limit.Max-used)}
		at := s.roomAt(c.key, limit, asked, now)
		if e.RetryAt = at; limit.Unit == quota.InFlight || at.Equal(never) {
			e.RetryAt = time.Time{}
		}
		if s.breaks.hopeful {
			e.RetryAt = now.Add(time.Second)
		}
		if s.breaks.keepsPart {
			s.calls = append(s.calls, &call{key: c.key, limits: c.limits[:i], at: now, estimate: c.estimate, void: true})
			return e
		}
		if worst == nil || at.After(until) && !s.breaks.firstFull {
			worst, until = e, at
		}
	}
	if worst == nil {
		return nil
	}
	return worst
}

var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// roomAt tries one moment after another.
func (s *naive) roomAt(key string, limit quota.Limit, asked int64, now time.Time) time.Time {
	if limit.Unit == quota.InFlight {
		return time.Time{}
	}
	if _, end := s.bounds(limit.Window, now); isZoned(limit.Window) && asked <= limit.Max-s.used(key, limit, end) {
		return end
	}
	for wait := time.Duration(0); wait <= 2*limit.Window.Length(); wait += 10 * time.Millisecond {
		if asked <= limit.Max-s.used(key, limit, now.Add(wait)) {
			return now.Add(wait)
		}
	}
	return never
}

// used adds up what counts for the limit.
func (s *naive) used(key string, limit quota.Limit, now time.Time) (sum int64) {
	since := time.Time{}
	if isZoned(limit.Window) {
		since, _ = s.bounds(limit.Window, now)
	}
	var counted []quota.Limit // most calls have the limits of the one before
	times := 0
	for _, c := range s.calls {
		if c.key != key {
			continue
		}
		if len(c.limits) == 0 || len(c.limits) != len(counted) || &c.limits[0] != &counted[0] {
			times, counted = 0, c.limits
			for i := range c.limits { // without a copy of each, which costs the race detector most of the test
				if l := &c.limits[i]; l.Unit == limit.Unit && l.Window == limit.Window {
					times++
				}
			}
		}
		times := times
		switch {
		case limit.Unit == quota.InFlight:
			flying := (c.live(now) || s.breaks.neverExpires && c.settled.IsZero()) && !c.void
			if flying && (times > 0 || !s.breaks.countsAsked) && (!c.dead || !s.breaks.resetsFlying) {
				sum++
			}
			continue
		case !s.breaks.chargesTwice:
			times = min(times, 1)
		}
		if s.breaks.settlesAsked && limit.Unit == quota.Tokens {
			times = 1
		}
		if times == 0 {
			continue
		}
		refunded := s.breaks.expiryRefunds && c.settled.IsZero() && !c.live(now)
		forever := s.breaks.grantsForever && c.void
		if (s.inside(&limit.Window, since, c.at, now) || forever) && !c.dead && !refunded {
			sum += int64(times) * s.of(c.estimate, limit.Unit)
		}
		if more := s.of(c.extra, limit.Unit); more != 0 && s.inside(&limit.Window, since, c.settled, now) {
			sum += int64(times) * more
		}
	}
	return sum
}

// inside reports whether what was spent at a time still counts, in a window of days since then.
func (s *naive) inside(w *quota.Window, since, at, now time.Time) bool {
	switch {
	case w.Kind() == quota.WindowTotal:
		return true
	case isZoned(*w) && s.breaks.dayLengths:
		return now.Sub(at) < 24*time.Hour
	case isZoned(*w):
		return !at.Before(since)
	case s.breaks.fixedWindows:
		return at.Truncate(w.Length()).Equal(now.Truncate(w.Length()))
	case s.breaks.slowWindows:
		return now.Sub(at) < w.Length()*3/2
	default:
		return now.Sub(at) < w.Length()
	}
}

func isZoned(w quota.Window) bool { return w.Kind() > quota.WindowTotal }

var berlin = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return zone
}()

func (s *naive) bounds(w quota.Window, now time.Time) (start, end time.Time) {
	late := time.Duration(0)
	if s.breaks.lateDays || s.breaks.noSummer && now.In(berlin).IsDST() {
		late = time.Hour
	}
	start, end = w.Bounds(now.Add(-late))
	return start.Add(late), end.Add(late)
}

func (s *naive) of(a quota.Amount, u quota.Unit) int64 {
	if u == quota.Tokens && s.breaks.inputIsAll {
		return a.InputTokens
	}
	return a.Of(u)
}

func (s *naive) key(k string) string {
	if s.breaks.oneKey {
		return ""
	}
	return k
}

// most is the Max to go by.
func (s *naive) most(key string, limit quota.Limit) int64 {
	if !s.breaks.keepsMax {
		return limit.Max
	}
	for _, c := range s.calls {
		for _, l := range c.limits {
			if c.key == key && l.Unit == limit.Unit && l.Window == limit.Window {
				return l.Max
			}
		}
	}
	return limit.Max
}

func (s *naive) find(r quota.Reservation) *call {
	var n int
	if _, err := fmt.Sscan(r.ID, &n); err != nil {
		return nil
	}
	return s.calls[n-1]
}

func (s *naive) Settle(ctx context.Context, r quota.Reservation, used quota.Amount) error {
	if ctx.Err() != nil && !s.breaks.heedless {
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(r)
	if err := used.Validate(); !s.breaks.gullible && (c == nil || err != nil) {
		return errors.Join(err, errors.New("nonsense"))
	}
	now := time.Now()
	gone := c == nil || !c.settled.IsZero() && !s.breaks.settlesTwice || !now.Before(c.due.Add(c.ttl))
	if gone || s.breaks.forgetsExpired && !now.Before(c.due) {
		return nil
	}
	if s.breaks.cancelsRequest && used == (quota.Amount{}) {
		used.Requests = c.estimate.Requests
	}
	c.settled = now
	s.book(&c.estimate.Requests, &c.extra.Requests, used.Requests, c.dead)
	s.book(&c.estimate.InputTokens, &c.extra.InputTokens, used.InputTokens, c.dead)
	s.book(&c.estimate.OutputTokens, &c.extra.OutputTokens, used.OutputTokens, c.dead)
	s.book(&c.estimate.Cost, &c.extra.Cost, used.Cost, c.dead)
	return nil
}

func (s *naive) book(estimate, extra *int64, used int64, dead bool) {
	more := used - *estimate
	switch {
	case more > 0 && !s.breaks.forgivesDebt:
		*extra += more
	case more < 0 && !dead && !s.breaks.keepsEstimate && (s.breaks.settlesTwice || s.breaks.refundsNow):
		*extra += more
	case more < 0 && !dead && !s.breaks.keepsEstimate:
		*estimate = used
	}
}

func (s *naive) Renew(_ context.Context, r quota.Reservation, ttl time.Duration) (quota.Reservation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, now := s.find(r), time.Now()
	switch {
	case ttl <= 0:
		return r, errors.New("nonsense")
	case !c.live(now) && !s.breaks.renewsDead:
		return r, quota.ErrExpired
	}
	c.due, c.ttl = now.Add(ttl), ttl
	r.Expires = c.due
	return r, nil
}

func (s *naive) Levels(_ context.Context, key string, limits []quota.Limit) ([]quota.Level, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	levels := make([]quota.Level, len(limits))
	for i, limit := range limits {
		used := s.used(s.key(key), limit, time.Now())
		levels[i] = quota.Level{Limit: limit, Used: used, Left: max(0, limit.Max-used)}
		if at := s.roomAt(s.key(key), limit, limit.Max, time.Now()); used > 0 && !at.Equal(never) {
			levels[i].EmptyAt = at
		}
	}
	return levels, nil
}

func (s *naive) Grant(_ context.Context, key string, limits []quota.Limit, a quota.Amount) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := quota.CheckGrant(key, limits, a); err != nil || s.breaks.grantsNothing {
		return err
	}
	if s.breaks.grantsBackOnly {
		for _, limit := range limits {
			if used := s.used(s.key(key), limit, time.Now()); a.Of(limit.Unit) > used {
				a = quota.Amount{}
			}
		}
	}
	less := quota.Amount{Requests: -a.Requests, InputTokens: -a.InputTokens, OutputTokens: -a.OutputTokens, Cost: -a.Cost}
	s.calls = append(s.calls, &call{key: s.key(key), limits: limits, at: time.Now(), estimate: less, void: true})
	return nil
}

func (s *naive) Reset(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.calls {
		if c.key != s.key(key) {
			continue
		}
		if c.dead = true; !c.settled.IsZero() {
			s.calls[i] = &call{}
		}
	}
	return nil
}

func check(key string, limits []quota.Limit, a quota.Amount, ttl time.Duration) error {
	return quota.CheckReserve(key, limits, a, ttl)
}
