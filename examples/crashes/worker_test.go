package crashes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aitransport/aitransport/quota"
)

const (
	callers = 16
	ttl     = 3 * time.Second // of a reservation whose owner has died
	era     = 2 * time.Second // each key is used for that long, so that each is used up
	most    = 100             // of the cost of a key, in total
	often   = 12              // requests in the window
	window  = 2 * time.Second // that rolls
	atOnce  = 4               // in flight
	dear    = 40              // of the cost of one request, at most
)

// limits are those of each key: so narrow that a slow machine reaches each of them too.
var limits = []quota.Limit{
	{Unit: quota.Cost, Max: most, Window: quota.Total()},
	{Unit: quota.Requests, Max: often, Window: quota.Rolling(window)},
	{Unit: quota.InFlight, Max: atOnce},
}

// leasable are those of which slices can be leased.
var leasable = limits[:2]

// TestMain makes the test's own program a worker, if it is started as one.
func TestMain(m *testing.M) {
	if os.Getenv("CRASHES_STORE") == "" {
		m.Run() // and its code is the program's
		return
	}
	if err := work(); err != nil {
		panic(err)
	}
}

// work spends as fast as it can, until the program that started it lets go of its input. What
// it was admitted and what it used it writes down line by line, each with one write, so
// that a crash loses whole lines: of what was admitted after it was, and of what was used
// before that is told to the store. So what is written down is never more than was spent.
func work() error {
	kind, at, policy := os.Getenv("CRASHES_STORE"), os.Getenv("CRASHES_AT"), os.Getenv("CRASHES_POLICY")
	if kind != "leased" {
		store, err := open(kind, at, policy)
		if err != nil {
			return err
		}
		return workWith(store, false)
	}
	leased, err := openLeased(at)
	if err != nil {
		return err
	}
	failed := workWith(guard(leased, policy), true)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(failed, leased.Close(ctx))
}

func workWith(store quota.Store, leased bool) error {
	journal, err := os.OpenFile(os.Getenv("CRASHES_JOURNAL"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	w := &worker{store: store, leased: leased, journal: journal, process: os.Getpid()}
	var all sync.WaitGroup
	for range callers {
		all.Go(func() { w.spend(ctx) })
	}
	all.Wait()
	return errors.Join(w.err(), journal.Close())
}

type worker struct {
	store   quota.Store
	leased  bool // what it can
	journal *os.File
	process int
	calls   atomic.Int64

	mu     sync.Mutex
	failed error // of the journal
}

func (w *worker) spend(ctx context.Context) {
	for ctx.Err() == nil {
		now := time.Now()
		key := fmt.Sprint("era-", now.UnixNano()/int64(era))
		estimate := quota.Amount{Requests: 1, Cost: 1 + rand.Int64N(dear)}
		limits, admitted := limits, "A"
		if w.leased && rand.IntN(4) > 0 {
			limits, admitted = leasable, "L"
		}
		r, err := w.store.Reserve(ctx, key, limits, estimate, ttl)
		switch {
		case errors.Is(err, quota.ErrExceeded):
			pause(ctx, time.Duration(rand.Int64N(int64(3*time.Millisecond))))
			continue
		case ctx.Err() != nil:
			return
		case err != nil:
			w.write("E", 0, key, 0, now, time.Now())
			pause(ctx, time.Duration(rand.Int64N(int64(20*time.Millisecond))))
			continue
		}
		n := w.calls.Add(1)
		w.write(admitted, n, key, estimate.Cost, now, time.Now())
		pause(ctx, time.Duration(rand.Int64N(int64(10*time.Millisecond))))
		used := quota.Amount{Requests: 1, Cost: rand.Int64N(estimate.Cost + 1)}
		if rand.IntN(5) == 0 {
			used = quota.Amount{} // canceled
		}
		now = time.Now()
		w.write("S", n, key, used.Cost, now, now)
		if err := w.store.Settle(context.WithoutCancel(ctx), r, used); err != nil {
			w.write("E", n, key, 0, now, time.Now())
		}
	}
}

// write notes one thing: its kind, the call, the key, the cost, and when it began and ended.
func (w *worker) write(kind string, call int64, key string, cost int64, began, ended time.Time) {
	line := fmt.Sprintf("%s %d.%d %s %d %d %d\n", kind, w.process, call, key, cost, began.UnixNano(), ended.UnixNano())
	if _, err := w.journal.WriteString(line); err != nil {
		w.mu.Lock()
		w.failed = err
		w.mu.Unlock()
	}
}

func (w *worker) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
