package healthtest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/health"
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
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkNoneLost(ctx context.Context, store health.Store) error {
	const callers, updates = 16, 16
	err := together(callers, func(int) error {
		for range updates {
			_, err := store.Update(ctx, account("a"), func(s health.State) health.State {
				s.Failures++
				return s
			})
			if err != nil {
				return seen("Update: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return expect(ctx, store, account("a"), health.State{Failures: callers * updates})
}

func checkNotTorn(ctx context.Context, store health.Store) error {
	const writers, readers = 4, 4
	var writing atomic.Int64
	writing.Store(writers)
	return together(writers+readers, func(i int) error {
		if i < writers {
			defer writing.Add(-1)
			for n := range 16 {
				if err := set(ctx, store, account("a"), full(n)); err != nil {
					return err
				}
			}
			return nil
		}
		for {
			last := writing.Load() == 0
			if err := readWhole(ctx, store); err != nil || last {
				return err
			}
			time.Sleep(100 * time.Microsecond) // lets time pass, where it is not the world's
		}
	})
}

// readWhole loads the account a number of times, and what it gets must be one of the states that somebody wrote.
func readWhole(ctx context.Context, store health.Store) error {
	for range 16 {
		got, err := store.Load(ctx, []health.Subject{account("a")})
		if err != nil || len(got) != 1 {
			return seen("Load of one subject returned %d states and error %v", len(got), err)
		}
		if s := got[0]; s != (health.State{}) && s != full(s.Failures-1) {
			return seen("Load returned %+v, which nobody wrote", s)
		}
	}
	return nil
}

func checkOneProbe(ctx context.Context, store health.Store) error {
	var policy health.Policy
	now := time.Now()
	if err := set(ctx, store, account("a"), health.State{ProbeDue: true, Rests: 1, RestUntil: now.UTC().Round(0)}); err != nil {
		return err
	}
	const callers = 64
	var winners atomic.Int64
	err := together(callers, func(int) error {
		var mine bool
		_, err := store.Update(ctx, account("a"), func(s health.State) health.State {
			s, mine = policy.Claim(s, now)
			return s
		})
		if mine {
			winners.Add(1)
		}
		return err
	})
	if err != nil {
		return seen("Update: %w", err)
	}
	if n := winners.Load(); n != 1 {
		return seen("%d of %d callers got the probe", n, callers)
	}
	return nil
}
