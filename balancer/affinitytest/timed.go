package affinitytest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aitransport/aitransport/balancer"
)

const (
	short = 500 * time.Millisecond
	late  = short + time.Second // when a key of a short time must be gone
	soon  = short / 2           // when it must be there still
)

// pause waits under the context.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func checkGoes(ctx context.Context, store balancer.AffinityStore) error {
	if err := put(ctx, store, "a", short, "k1", "k2"); err != nil {
		return err
	}
	if err := pause(ctx, late); err != nil {
		return err
	}
	for _, key := range []string{"k1", "k2", "k1"} {
		if err := expect(ctx, store, key, ""); err != nil {
			return err
		}
	}
	if err := put(ctx, store, "b", long, "k1"); err != nil {
		return err
	}
	return expect(ctx, store, "k1", "b")
}

// checkStays asks for a key that is not overdue by this process's clock. A store may
// be slow, so there may be nothing left to ask for.
func checkStays(ctx context.Context, store balancer.AffinityStore) error {
	if err := put(ctx, store, "a", long, "k1"); err != nil {
		return err
	}
	begun := time.Now()
	if err := put(ctx, store, "a", short, "k2"); err != nil {
		return err
	}
	if err := pause(ctx, soon); err != nil {
		return err
	}
	got, err := get(ctx, store, "k2")
	if err != nil {
		return err
	}
	if got[0] != "a" && time.Since(begun) < short {
		return seen("a key with a time of %v has the account %q after %v", short, got[0], time.Since(begun))
	}
	if err := pause(ctx, late); err != nil {
		return err
	}
	return expect(ctx, store, "k1", "a")
}

func checkAnew(ctx context.Context, store balancer.AffinityStore) error {
	for _, p := range []struct {
		ttl  time.Duration
		keys []string
	}{{short, []string{"longer", "same"}}, {long, []string{"shorter", "longer"}}, {short, []string{"shorter"}}} {
		if err := put(ctx, store, "a", p.ttl, p.keys...); err != nil {
			return err
		}
	}
	if err := pause(ctx, late); err != nil {
		return err
	}
	for key, account := range map[string]string{"longer": "a", "shorter": "", "same": ""} {
		if err := expect(ctx, store, key, account); err != nil {
			return err
		}
	}
	return nil
}

func checkReading(ctx context.Context, store balancer.AffinityStore) error {
	if err := put(ctx, store, "a", short, "k1"); err != nil {
		return err
	}
	for range 6 {
		if _, err := get(ctx, store, "k1"); err != nil {
			return err
		}
		if err := pause(ctx, late/6); err != nil {
			return err
		}
	}
	return expect(ctx, store, "k1", "")
}

func checkNoTime(ctx context.Context, store balancer.AffinityStore) error {
	if err := put(ctx, store, "a", long, "k1", "k2", "k3"); err != nil {
		return err
	}
	if err := put(ctx, store, "b", 0, "k1", "k4"); err != nil {
		return err
	}
	if err := put(ctx, store, "b", -time.Hour, "k2"); err != nil {
		return err
	}
	for key, account := range map[string]string{"k1": "", "k2": "", "k3": "a", "k4": ""} {
		if err := expect(ctx, store, key, account); err != nil {
			return err
		}
	}
	return nil
}

func checkAtOnce(ctx context.Context, store balancer.AffinityStore) error {
	const callers, rounds = 8, 16
	key := func(i, n int) string { return fmt.Sprint("key-", i, "-", n) }
	account := func(i int) string { return fmt.Sprint("account-", i) }
	err := together(callers, func(i int) error {
		for n := range rounds {
			if err := put(ctx, store, account(i), long, key(i, n), "all"); err != nil {
				return err
			}
			got, err := get(ctx, store, "all")
			if err != nil {
				return err
			}
			if len(got[0]) != len(account(i)) {
				return seen("Get returned the account %q, which nobody put", got[0])
			}
		}
		return nil
	})
	for i := range callers {
		for n := range rounds {
			if err == nil {
				err = expect(ctx, store, key(i, n), account(i))
			}
		}
	}
	return err
}

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
