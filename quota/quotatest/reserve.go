package quotatest

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/aitransport/aitransport/quota"
)

func checkUpToLimit(b *bench) error {
	limit := rolling(quota.Requests, 3)
	limits := []quota.Limit{limit}
	for range 3 {
		if _, err := b.admit(limits, quota.Amount{Requests: 1}); err != nil {
			return err
		}
	}
	e, err := b.refuse(limits, quota.Amount{Requests: 1})
	if err != nil {
		return err
	}
	if e.Key != key || e.Limit != limit || e.Used != 3 || e.Left != 0 || e.Asked != 1 {
		return seen("with 3 of 3 used and 1 asked for, the error is %+v", *e)
	}
	if wait := time.Until(e.RetryAt); wait < window-slack-time.Second || wait > window+window/10+slack {
		return seen("what was just spent in a window of %v is said to leave it in %v", window, wait)
	}
	if e.Error() == "" {
		return seen("the error has no text")
	}
	for _, tooMuch := range []int64{4, math.MaxInt64} {
		if e, err = b.refuse(limits, quota.Amount{Requests: tooMuch}); err != nil {
			return err
		}
		if !e.RetryAt.IsZero() {
			return seen("asked for %d of %v, the error promises room at %v", tooMuch, limit, e.RetryAt)
		}
	}
	return nil
}

func checkUnits(b *bench) error {
	a := quota.Amount{Requests: 1, InputTokens: 20, OutputTokens: 300, Cost: 400}
	want := map[quota.Unit]int64{quota.Requests: 1, quota.InputTokens: 20, quota.OutputTokens: 300, quota.Tokens: 320, quota.Cost: 400}
	var limits []quota.Limit
	for u := range want {
		limits = append(limits, total(u, 1000), rolling(u, 1000))
	}
	if _, err := b.admit(limits, a); err != nil {
		return err
	}
	for _, limit := range limits {
		if err := b.used(limit, want[limit.Unit]); err != nil {
			return err
		}
	}
	return nil
}

func checkKeys(b *bench) error {
	limits := []quota.Limit{total(quota.Requests, 1), inFlight(1)}
	for _, k := range []string{"a", "A", "b", "a:b", "a\x00", "{a}", "ä %*\n", "a "} {
		if _, err := b.Reserve(b, k, limits, quota.Amount{Requests: 1}, long); err != nil {
			return seen("the first reservation of key %q: %w", k, err)
		}
		if _, err := b.Reserve(b, k, limits, quota.Amount{Requests: 1}, long); !errors.Is(err, quota.ErrExceeded) {
			return seen("the second reservation of key %q, of one allowed: %v", k, err)
		}
	}
	return nil
}

func checkNoLimits(b *bench) error {
	r, err := b.admit(nil, quota.Amount{Requests: 1})
	return first(err, b.Settle(b, r, quota.Amount{Requests: 1}), b.Settle(b, r, quota.Amount{}))
}

func checkAllOrNone(b *bench) error {
	room := []quota.Limit{total(quota.Requests, 1000), rolling(quota.Tokens, 1000), rolling(quota.Cost, 1000)}
	for _, full := range []quota.Limit{total(quota.OutputTokens, 5), rolling(quota.OutputTokens, 5), inFlight(1)} {
		r, err := b.admit([]quota.Limit{full}, quota.Amount{OutputTokens: 5})
		if err != nil {
			return err
		}
		for i := range len(room) + 1 { // the full one in every place
			limits := append(append(append([]quota.Limit{}, room[:i]...), full), room[i:]...)
			if _, err := b.refuse(limits, quota.Amount{Requests: 1, InputTokens: 10, OutputTokens: 1, Cost: 100}); err != nil {
				return err
			}
		}
		for _, limit := range room {
			if err := b.used(limit, 0); err != nil {
				return seen("after it was refused for %v: %w", full, err)
			}
		}
		if err := b.Settle(b, r, quota.Amount{}); err != nil {
			return err
		}
		// Nothing may have stayed in flight.
		r, err = b.admit([]quota.Limit{inFlight(1)}, quota.Amount{})
		if err = first(err, b.Settle(b, r, quota.Amount{})); err != nil {
			return err
		}
	}
	return nil
}

func checkLastToHaveRoom(b *bench) error {
	later := quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Rolling(2 * window)}
	never := total(quota.Requests, 1)
	limits := []quota.Limit{inFlight(1), rolling(quota.Requests, 1), later, never}
	if _, err := b.admit(limits, quota.Amount{Requests: 1}); err != nil {
		return err
	}
	for n := len(limits); n > 0; n-- {
		asked := limits[:n]
		for range asked { // in every rotation
			e, err := b.refuse(asked, quota.Amount{Requests: 1})
			if err != nil {
				return err
			}
			if e.Limit != limits[n-1] {
				return seen("of %v, all full, the error is about %v", asked, e.Limit)
			}
			if dated := e.Limit.Window.Kind() == quota.WindowRolling; dated == e.RetryAt.IsZero() {
				return seen("for %v the error says RetryAt %v", e.Limit, e.RetryAt)
			}
			asked = append(append([]quota.Limit{}, asked[1:]...), asked[0])
		}
	}
	return nil
}

func checkSameLimitTwice(b *bench) error {
	limits := []quota.Limit{total(quota.Requests, 500), total(quota.Requests, 20)}
	r, err := b.admit(limits, quota.Amount{Requests: 15})
	if err = first(err, b.used(limits[0], 15)); err != nil {
		return err
	}
	if _, err := b.refuse(limits, quota.Amount{Requests: 6}); err != nil {
		return err
	}
	return first(b.Settle(b, r, quota.Amount{Requests: 10}), b.used(limits[0], 10))
}

func checkMaxChanges(b *bench) error {
	for _, limit := range []func(quota.Unit, int64) quota.Limit{total, rolling} {
		if _, err := b.admit([]quota.Limit{limit(quota.Requests, 2)}, quota.Amount{Requests: 2}); err != nil {
			return err
		}
		if _, err := b.refuse([]quota.Limit{limit(quota.Requests, 1)}, quota.Amount{Requests: 1}); err != nil {
			return err
		}
		if _, err := b.admit([]quota.Limit{limit(quota.Requests, 3)}, quota.Amount{Requests: 1}); err != nil {
			return err
		}
		if _, err := b.refuse([]quota.Limit{limit(quota.Requests, 3)}, quota.Amount{Requests: 1}); err != nil {
			return err
		}
	}
	return nil
}

func checkLimitsChange(b *bench) error {
	requests, tokens := total(quota.Requests, 1000), rolling(quota.Tokens, 1000)
	before, err := b.admit([]quota.Limit{requests}, quota.Amount{Requests: 1, InputTokens: 100})
	if err != nil {
		return err
	}
	both, err := b.admit([]quota.Limit{tokens, requests}, quota.Amount{Requests: 1, InputTokens: 10})
	if err = first(err, b.used(tokens, 10), b.used(requests, 2)); err != nil {
		return seen("with a limit that was not there before: %w", err)
	}
	err = first(b.Settle(b, before, quota.Amount{Requests: 3, InputTokens: 200}), b.used(tokens, 10), b.used(requests, 4))
	if err != nil {
		return seen("one that was reserved before there was the limit is settled: %w", err)
	}
	without, err := b.admit([]quota.Limit{requests}, quota.Amount{Requests: 1, InputTokens: 10})
	err = first(err, b.Settle(b, both, quota.Amount{Requests: 1, InputTokens: 60}), b.Settle(b, without, quota.Amount{Requests: 1, InputTokens: 60}))
	if err = first(err, b.used(tokens, 60), b.used(requests, 5)); err != nil {
		return seen("the limit was left out and came back: %w", err)
	}
	return nil
}

func checkNonsense(b *bench) error {
	fine, one := total(quota.Requests, 1000), quota.Amount{Requests: 1}
	cases := []struct {
		what  string
		key   string
		limit quota.Limit
		a     quota.Amount
		ttl   time.Duration
	}{
		{"an empty key", "", fine, one, long},
		{"a ttl of 0", key, fine, one, 0},
		{"a negative ttl", key, fine, one, -1},
		{"a negative amount", key, fine, quota.Amount{Requests: 1, Cost: -1}, long},
		{"the zero limit", key, quota.Limit{}, one, long},
		{"a limit of 0", key, total(quota.Requests, 0), one, long},
		{"a negative limit", key, inFlight(-1), one, long},
		{"a limit without a window", key, quota.Limit{Unit: quota.Requests, Max: 1}, one, long},
		{"a window of no length", key, quota.Limit{Unit: quota.Requests, Max: 1, Window: quota.Rolling(0)}, one, long},
		{"a limit in flight with a window", key, total(quota.InFlight, 1), one, long},
	}
	for _, c := range cases {
		_, err := b.Reserve(b, c.key, []quota.Limit{fine, c.limit}, c.a, c.ttl)
		if err == nil || errors.Is(err, quota.ErrExceeded) {
			return seen("Reserve with %s: %v", c.what, err)
		}
	}
	r, err := b.admit([]quota.Limit{fine}, one)
	if err != nil {
		return err
	}
	if err := b.Settle(b, r, quota.Amount{Requests: -5}); err == nil {
		return seen("Settle of a negative amount: no error")
	}
	if err := b.Settle(b, quota.Reservation{}, one); err == nil {
		return seen("Settle of the zero Reservation: no error")
	}
	return first(b.used(fine, 1), b.Settle(b, r, quota.Amount{}), b.used(fine, 0))
}

func checkDone(b *bench) error {
	limit := total(quota.Requests, 1000)
	r, err := b.admit([]quota.Limit{limit, inFlight(1)}, quota.Amount{Requests: 1})
	if err != nil {
		return err
	}
	done, cancel := context.WithCancel(b)
	cancel()
	if _, err := b.Reserve(done, key, []quota.Limit{limit}, quota.Amount{Requests: 1}, long); err == nil || errors.Is(err, quota.ErrExceeded) {
		return seen("Reserve: %v", err)
	}
	if err := b.Settle(done, r, quota.Amount{}); err == nil {
		return seen("Settle: no error")
	}
	if _, err := b.refuse([]quota.Limit{inFlight(1)}, quota.Amount{}); err != nil {
		return err
	}
	return first(b.used(limit, 1), b.Settle(b, r, quota.Amount{}), b.used(limit, 0))
}
