package quotatest

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/aitransport/aitransport/quota"
)

// together runs f in n goroutines that begin at once, and returns the first error.
func together(n int, f func(i int) error) error {
	var wg sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return first(errs...)
}

const (
	callers    = 64
	mostAtOnce = 8
	mostEver   = 100
)

// crowd is what many callers see of one key.
type crowd struct {
	*bench
	flying, peak, admitted atomic.Int64
}

func checkNoOverspend(b *bench) error {
	c := &crowd{bench: b}
	// First only the slots are short: with calls that end, everybody gets one in the end.
	if err := together(callers, func(int) error { return c.call([]quota.Limit{inFlight(mostAtOnce)}) }); err != nil {
		return err
	}
	if peak := c.peak.Load(); peak > mostAtOnce {
		return seen("%d were in flight at once, of %d allowed", peak, mostAtOnce)
	}
	// Then the requests are: exactly so many get one, each of 10 tokens.
	limits := []quota.Limit{rolling(quota.Tokens, 1e6), total(quota.Requests, mostEver), total(quota.Tokens, 1000)}
	err := together(callers, func(int) error {
		for range mostEver / 10 {
			r, err := b.Reserve(b, key, limits, quota.Amount{Requests: 1, InputTokens: 10}, long)
			switch {
			case errors.Is(err, quota.ErrExceeded):
				continue
			case err != nil:
				return seen("Reserve: %w", err)
			}
			c.admitted.Add(1)
			if err := b.Settle(b, r, quota.Amount{Requests: 1, InputTokens: 10}); err != nil {
				return seen("Settle: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n := c.admitted.Load(); n != mostEver {
		return seen("%d requests were admitted, of %d allowed", n, mostEver)
	}
	return b.used(limits[2], 1000)
}

// call reserves until it is admitted, and settles.
func (c *crowd) call(limits []quota.Limit) error {
	for {
		r, err := c.Reserve(c, key, limits, quota.Amount{}, long)
		switch {
		case errors.Is(err, quota.ErrExceeded):
			c.sleep(slack / 10)
			continue
		case err != nil:
			return seen("Reserve: %w", err)
		}
		n := c.flying.Add(1)
		for peak := c.peak.Load(); n > peak && !c.peak.CompareAndSwap(peak, n); peak = c.peak.Load() {
		}
		c.sleep(slack / 10)
		c.flying.Add(-1)
		if err := c.Settle(c, r, quota.Amount{}); err != nil {
			return seen("Settle: %w", err)
		}
		return nil
	}
}
