package redisquota

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aitransport/aitransport/quota"
)

// MaxLimit is the largest Max that the store can count to, and the largest amount that it grants: numbers in Redis scripts
// have 53 bits.
const MaxLimit = 1<<53 - 1

const (
	// mostAsked is above what any limit has left, and exact in 53 bits.
	mostAsked = 1<<54 + 4

	maxTTL      = 100 * 365 * 24 * time.Hour // so that all times have 53 bits
	staleAtMost = 3                          // calls with bounds that the server's clock is not in
)

// ErrClock is the error of a call that the server answered three times with a time in no window that it was told of,
// though each time it was told of the one of its last answer: its clock leaps about.
var ErrClock = errors.New("the server's clock is in none of the windows that it was last in")

// check is what this store cannot do of what makes sense.
func check(ctx context.Context, key string, limits []quota.Limit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := quota.CheckShared(key, limits); err != nil {
		return err
	}
	for _, l := range limits {
		if l.Max > MaxLimit {
			return fmt.Errorf("%w: limit of %v for key %q: redisquota counts to %d at most; write a lower Max", quota.ErrInvalid, l, key, int64(MaxLimit))
		}
	}
	return nil
}

// callWithLimits calls a script that takes limits as its last arguments, with bounds of their windows that the server's
// clock is in.
func (s *Store) callWithLimits(ctx context.Context, script string, keys []string, args []any, limits []quota.Limit, a quota.Amount) (answer, error) {
	now := time.Now().Add(time.Duration(s.ahead.Load()))
	for range staleAtMost {
		answer, err := s.call(ctx, script, keys, append(args[:len(args):len(args)], limitArgs(limits, a, now)...)...)
		if err != nil || answer.word != "stale" {
			return answer, err
		}
		now = answer.now
		s.ahead.Store(int64(time.Until(now)))
	}
	return answer{}, ErrClock
}

// limitArgs are six for each limit, as lib.lua reads them.
func limitArgs(limits []quota.Limit, a quota.Amount, now time.Time) []any {
	args := make([]any, 0, 6*len(limits))
	for _, l := range limits {
		name := strconv.Itoa(int(l.Unit))
		if l.Unit != quota.InFlight {
			name += " " + l.Window.ID()
		}
		x, y, z := "0", "0", "0"
		switch l.Window.Kind() {
		case quota.WindowRolling:
			x = micros(l.Window.Length())
		case quota.WindowDaily, quota.WindowWeekly, quota.WindowMonthly:
			start, end := l.Window.Bounds(now)
			_, next := l.Window.Bounds(end)
			x, y, z = at(start), at(end), at(next)
		}
		args = append(args, name, strconv.FormatInt(l.Max, 10), strconv.FormatInt(min(a.Of(l.Unit), mostAsked), 10), x, y, z)
	}
	return args
}

// micros is a length of time as scripts take it, rounded up.
func micros(d time.Duration) string {
	return strconv.FormatInt(int64((min(d, maxTTL)-1)/time.Microsecond)+1, 10)
}

// at is a time as scripts take it.
func at(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }
