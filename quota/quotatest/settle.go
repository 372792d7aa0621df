package quotatest

import (
	"github.com/aitransport/aitransport/quota"
)

func checkTruth(b *bench) error {
	limits := []quota.Limit{total(quota.Requests, 1000), rolling(quota.InputTokens, 1000), total(quota.Tokens, 1000), rolling(quota.Cost, 1000)}
	r, err := b.admit(limits, quota.Amount{Requests: 1, InputTokens: 100, OutputTokens: 500, Cost: 60})
	if err = first(err, b.Settle(b, r, quota.Amount{Requests: 1, InputTokens: 120, OutputTokens: 40, Cost: 60})); err != nil {
		return err
	}
	return first(b.used(limits[0], 1), b.used(limits[1], 120), b.used(limits[2], 160), b.used(limits[3], 60))
}

func checkSettledOnce(b *bench) error {
	limits := []quota.Limit{total(quota.Tokens, 1000), rolling(quota.Tokens, 1000), inFlight(2)}
	cases := []struct{ first, second int64 }{{30, 30}, {30, 0}, {0, 30}, {170, 170}, {170, 900}, {100, 0}}
	used := int64(0)
	for _, c := range cases {
		r, err := b.admit(limits, quota.Amount{InputTokens: 100})
		if err != nil {
			return err
		}
		other, err := b.admit(limits[2:], quota.Amount{})
		if err = first(err, b.Settle(b, r, quota.Amount{InputTokens: c.first}), b.Settle(b, r, quota.Amount{InputTokens: c.second})); err != nil {
			return err
		}
		used += c.first
		if err := first(b.used(limits[0], used), b.used(limits[1], used)); err != nil {
			return seen("of 100 reserved, settled as %d and then as %d: %w", c.first, c.second, err)
		}
		// One of the two is still in flight, so exactly one more may be.
		third, err := b.admit(limits[2:], quota.Amount{})
		if err = first(err, b.Settle(b, r, quota.Amount{InputTokens: c.second})); err != nil { // which is not the third
			return err
		}
		if _, err := b.refuse(limits[2:], quota.Amount{}); err != nil {
			return seen("settled again and again: %w", err)
		}
		if err := first(b.Settle(b, other, quota.Amount{}), b.Settle(b, third, quota.Amount{})); err != nil {
			return err
		}
	}
	return nil
}

func checkSettledOnceByMany(b *bench) error {
	limits := []quota.Limit{total(quota.Tokens, 1000), inFlight(2)}
	for _, truth := range []int64{10, 300} {
		r, err := b.admit(limits, quota.Amount{InputTokens: 100})
		if err != nil {
			return err
		}
		err = together(32, func(int) error { return b.Settle(b, r, quota.Amount{InputTokens: truth}) })
		if err != nil {
			return err
		}
	}
	return b.used(limits[0], 310)
}

func checkCancel(b *bench) error {
	limits := []quota.Limit{total(quota.Requests, 1000), rolling(quota.Requests, 1000), rolling(quota.Tokens, 1000), total(quota.Cost, 1000), inFlight(1)}
	for range 2 { // the second only if the first gave its slot back
		r, err := b.admit(limits, quota.Amount{Requests: 1, InputTokens: 900, OutputTokens: 50, Cost: 1000})
		if err = first(err, b.Settle(b, r, quota.Amount{})); err != nil {
			return err
		}
		for _, limit := range limits[:4] {
			if err := b.used(limit, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkDebt(b *bench) error {
	limit := rolling(quota.Tokens, 100)
	limits := []quota.Limit{limit, total(quota.Cost, 1000)}
	r, err := b.admit(limits, quota.Amount{InputTokens: 10, Cost: 10})
	if err = first(err, b.Settle(b, r, quota.Amount{InputTokens: 600, OutputTokens: 400, Cost: 2000})); err != nil {
		return err
	}
	if err := b.used(limits[1], 2000); err != nil {
		return err
	}
	e, err := b.refuse(limits[:1], quota.Amount{InputTokens: 1})
	if err != nil {
		return err
	}
	if e.Limit != limit || e.Used != 1000 || e.Left != 0 || e.RetryAt.IsZero() {
		return seen("with 1000 of 100 used, the error is %+v", *e)
	}
	b.sleep(window - slack)
	if _, err := b.refuse(limits[:1], quota.Amount{InputTokens: 1}); err != nil {
		return seen("before the window has passed: %w", err)
	}
	b.sleep(window/10 + 2*slack)
	_, err = b.admit(limits[:1], quota.Amount{InputTokens: 100})
	return err
}

func checkIdleUnit(b *bench) error {
	limits := []quota.Limit{total(quota.OutputTokens, 100)}
	r, err := b.admit(limits, quota.Amount{InputTokens: 10})
	if err = first(err, b.Settle(b, r, quota.Amount{OutputTokens: 100})); err != nil {
		return err
	}
	r, err = b.admit(limits, quota.Amount{})
	if err = first(err, b.Settle(b, r, quota.Amount{OutputTokens: 1})); err != nil {
		return err
	}
	_, err = b.refuse(limits, quota.Amount{})
	return err
}

func checkInFlight(b *bench) error {
	limits := []quota.Limit{inFlight(3)}
	var live []quota.Reservation
	for i := range 3 {
		asks := limits
		if i == 1 {
			asks = []quota.Limit{total(quota.Requests, 1000)} // does not ask, and counts all the same
		}
		r, err := b.admit(asks, quota.Amount{Requests: 1})
		if err != nil {
			return err
		}
		live = append(live, r)
	}
	e, err := b.refuse(limits, quota.Amount{})
	if err != nil {
		return err
	}
	if e.Used != 3 || e.Left != 0 || e.Asked != 1 || !e.RetryAt.IsZero() {
		return seen("with 3 of 3 in flight, the error is %+v", *e)
	}
	for _, r := range live {
		if err := b.Settle(b, r, quota.Amount{Requests: 1}); err != nil {
			return err
		}
		if _, err := b.admit(limits, quota.Amount{}); err != nil {
			return err
		}
		if _, err := b.refuse(limits, quota.Amount{}); err != nil {
			return err
		}
	}
	return nil
}
