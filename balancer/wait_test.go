package balancer_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// chatted sends a chat, in whatever goroutine.
func chatted(ctx context.Context, lb *balancer.Transport) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, chatURL, strings.NewReader(chat))
	if err != nil {
		return err
	}
	_, _, err = do(lb, r)
	return err
}

// waiting sends a chat beside the others and tells its number when it was answered.
func waiting(ctx context.Context, t *testing.T, lb *balancer.Transport, n int, served chan<- int) {
	t.Helper()
	go func() {
		if err := chatted(ctx, lb); err == nil {
			served <- n
		} else {
			served <- -n
		}
	}()
	synctest.Wait() // it has come to stand in line
}

func numbers(served <-chan int, n int) (all []int) {
	for range n {
		all = append(all, <-served)
	}
	return all
}

func TestRequestsWaitInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Always(providertest.OK().After(time.Second))
		cfg := over(fake, account("only", inFlight(1)))
		cfg.MaxWait = time.Minute
		lb := newTransport(t, cfg)
		served := make(chan int, 20)
		for i := range 20 {
			waiting(t.Context(), t, lb, i, served)
		}
		start := time.Now()
		assert.Equal(t, slices.Collect(func(yield func(int) bool) {
			for i := range 20 {
				yield(i)
			}
		}), numbers(served, 20))
		assert.Equal(t, 20*time.Second, time.Since(start), "no slot stands empty, and none is shared")
	})
}

func TestAWaitingRequestEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, account("only", inFlight(1)))
		cfg.MaxWait = time.Hour
		lb := newTransport(t, cfg)
		held := hold(t.Context(), t, lb)
		served := make(chan int, 9)
		first, leave := context.WithCancel(t.Context())
		second, leaveToo := context.WithCancel(t.Context())
		waiting(first, t, lb, 1, served)
		waiting(second, t, lb, 2, served)
		waiting(t.Context(), t, lb, 3, served)
		start := time.Now()
		leave()
		assert.Equal(t, -1, <-served)
		leaveToo()
		assert.Equal(t, -2, <-served)
		assert.Equal(t, start, time.Now(), "at once")
		require.NoError(t, held.Body.Close())
		assert.Equal(t, 3, <-served, "the place passes on")
		assert.Equal(t, 2, fake.Count())
	})
}

func TestWaitingEndsAtMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, account("only", inFlight(1)))
		cfg.MaxWait = 5 * time.Second
		lb := newTransport(t, cfg)
		hold(t.Context(), t, lb)
		start := time.Now()
		_, _, err := send(t.Context(), t, lb)
		require.ErrorIs(t, err, balancer.ErrNoAccount)
		assert.ErrorContains(t, err, "only: 1 request in flight, as many as its limit allows")
		assert.NotContains(t, err.Error(), "MaxWait", "it is set")
		assert.Equal(t, 5*time.Second, time.Since(start))

		deadline, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err = send(deadline, t, lb)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.EqualError(t, err, "balancer: waiting for an account: context deadline exceeded")
		assert.Equal(t, 6*time.Second, time.Since(start))
	})
}

func TestNewcomersDoNotOvertake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Always(providertest.OK().After(time.Second))
		cfg := over(fake, account("only", inFlight(1)))
		cfg.MaxWait = time.Minute
		lb := newTransport(t, cfg)
		served := make(chan int, 40)
		for i := range 10 {
			waiting(t.Context(), t, lb, i, served)
		}
		for i := range 10 { // each comes just when a slot becomes free
			time.Sleep(time.Second)
			go func() {
				_ = chatted(t.Context(), lb)
				served <- 10 + i
			}()
		}
		got := numbers(served, 20)
		assert.IsIncreasing(t, got[:10])
		assert.Less(t, slices.Max(got[:10]), 10, "%v", got)
	})
}

// However an answer ends, its slot is free once, and no more than once.
func TestASlotIsGivenBackOnce(t *testing.T) {
	drain := func(t *testing.T, resp *http.Response) {
		_, err := io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
	}
	ends := map[string]func(t *testing.T, resp *http.Response){
		"read twice to the end": func(t *testing.T, resp *http.Response) { drain(t, resp); drain(t, resp) },
		"closed":                func(t *testing.T, resp *http.Response) { _ = resp.Body.Close() },
		"closed twice":          func(t *testing.T, resp *http.Response) { _ = resp.Body.Close(); _ = resp.Body.Close() },
		"read and closed":       func(t *testing.T, resp *http.Response) { drain(t, resp); _ = resp.Body.Close() },
		"closed and read":       func(t *testing.T, resp *http.Response) { _ = resp.Body.Close(); _, _ = io.ReadAll(resp.Body) },
		"closed by many": func(t *testing.T, resp *http.Response) {
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() { _ = resp.Body.Close() })
				all.Go(func() { _, _ = resp.Body.Read(make([]byte, 9)) })
			}
			all.Wait()
		},
	}
	for name, end := range ends {
		for _, body := range []string{chat, streamedChat} {
			t.Run(name, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				lb := newTransport(t, over(fake, account("only", inFlight(2))))
				for range 5 {
					resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, body))
					require.NoError(t, err)
					assert.Equal(t, 1, inFlightOf(t, lb)["only"])
					end(t, resp)
					assert.Equal(t, 0, inFlightOf(t, lb)["only"])
				}
			})
		}
	}
	t.Run("breaks off", func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Always(providertest.CutStream(1))
		cfg := over(fake, account("only", inFlight(1)))
		cfg.Policy = health.Policy{Rest: -1}
		lb := newTransport(t, cfg)
		for range 5 {
			_, _, err := do(lb, streamed(t.Context(), t))
			require.Error(t, err)
			assert.Equal(t, 0, inFlightOf(t, lb)["only"])
		}
	})
	t.Run("the caller goes", func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Always(providertest.Trickle(time.Hour))
		cfg := over(fake, account("only", inFlight(1)))
		cfg.Hold.Bytes = -1
		lb := newTransport(t, cfg)
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			resp, err := lb.RoundTrip(streamed(ctx, t))
			require.NoError(t, err)
			cancel()
			_, err = io.ReadAll(resp.Body)
			require.Error(t, err)
			assert.Equal(t, 0, inFlightOf(t, lb)["only"])
		}
	})
}

// A panic of whatever is not ours gives everything back on its way.
func TestAPanicGivesTheSlotBack(t *testing.T) {
	panics := func(f func(*balancer.Config)) func(*balancer.Config) { return f }
	tests := map[string]func(*balancer.Config){
		"a layer": panics(func(c *balancer.Config) {
			c.Attempt = []transport.Middleware{func(http.RoundTripper) http.RoundTripper {
				return transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) { panic(errBroken) })
			}}
		}),
		"a Picker": panics(func(c *balancer.Config) {
			c.Picker = balancer.PickerFunc(func(context.Context, *balancer.Request, balancer.Candidates) int { panic(errBroken) })
		}),
		"the quota store":    panics(func(c *balancer.Config) { c.Quota = panicQuota{} }),
		"the affinity store": panics(func(c *balancer.Config) { c.Affinity = panicAffinity{} }),
		"a hook": panics(func(c *balancer.Config) {
			c.Hooks.Attempt = func(context.Context, balancer.Attempt) { panic(errBroken) }
		}),
	}
	for name, breakIt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			cfg := over(fake, account("only", inFlight(1)), account("other", inFlight(1), priority(5)))
			breakIt(&cfg)
			lb := newTransport(t, cfg)
			for range 3 {
				assert.PanicsWithValue(t, errBroken, func() {
					_, _, _ = do(lb, newRequest(t.Context(), t, http.MethodPost, "https://api.openai.com/v1/responses", `{"model":"gpt-5","input":"hi"}`))
				})
				assert.Equal(t, map[string]int{"only": 0, "other": 0}, inFlightOf(t, lb))
			}
			ended, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			assert.NoError(t, lb.Shutdown(ended), "nothing is under way")
		})
	}
}

type panicQuota struct{}

func (panicQuota) Reserve(context.Context, string, []quota.Limit, quota.Amount, time.Duration) (quota.Reservation, error) {
	panic(errBroken)
}
func (panicQuota) Settle(context.Context, quota.Reservation, quota.Amount) error { return nil }

type panicAffinity struct{ balancer.AffinityStore }

func (panicAffinity) Put(context.Context, string, time.Duration, ...string) error { panic(errBroken) }

func TestRequestsWaitForAQuotaThatFillsAgainInTime(t *testing.T) {
	perMinute := func(a *balancer.Account) {
		a.Limits = []quota.Limit{{Unit: quota.Requests, Max: 2, Window: quota.Rolling(time.Minute)}}
	}
	for _, patience := range []time.Duration{2 * time.Minute, 5 * time.Second} {
		t.Run(patience.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				cfg := over(fake, account("only", perMinute))
				cfg.MaxWait = patience
				lb := newTransport(t, cfg)
				for range 2 {
					_, _, err := send(t.Context(), t, lb)
					require.NoError(t, err)
				}
				start := time.Now()
				_, _, err := send(t.Context(), t, lb)
				if patience > time.Minute {
					require.NoError(t, err)
					assert.InDelta(t, 60, time.Since(start).Seconds(), 2)
					return
				}
				var failure *balancer.Error
				require.ErrorAs(t, err, &failure)
				require.ErrorIs(t, err, balancer.ErrNoAccount)
				assert.InDelta(t, 60, failure.RetryAt.Sub(start).Seconds(), 2)
				assert.ErrorContains(t, err, "only: quota")
				assert.Less(t, time.Since(start), time.Second, "it is known that waiting is of no use")
			})
		})
	}
}

// What another program has in flight is seen in the store alone.
func TestWaitingForWhatAnotherProgramHasInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, account("only", inFlight(1)))
		cfg.MaxWait = time.Minute
		cfg.Quota = quota.NewMemory(quota.MemoryConfig{})
		one, two := newTransport(t, cfg), newTransport(t, cfg)
		held := hold(t.Context(), t, one)
		time.AfterFunc(10*time.Second, func() { _ = held.Body.Close() })
		start := time.Now()
		_, _, err := send(t.Context(), t, two)
		require.NoError(t, err)
		assert.InDelta(t, 10, time.Since(start).Seconds(), 0.3)
		assert.Equal(t, map[string]int{"only": 0}, inFlightOf(t, two))
	})
}

// When several slots become free at once, so do several of those who wait.
func TestNoWaiterIsLost(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, many(3, inFlight(2))...)
	cfg.MaxWait = 20 * time.Second
	lb := newTransport(t, cfg)
	var calls sync.WaitGroup
	var failed atomic.Int64
	for w := range 24 {
		calls.Go(func() {
			for i := range 40 {
				ctx, cancel := context.WithCancel(t.Context())
				if w%4 == 0 && i%5 == 0 { // some give up
					time.AfterFunc(100*time.Microsecond, cancel)
				}
				if _, _, err := send(ctx, t, lb); err != nil && ctx.Err() == nil {
					failed.Add(1)
					t.Log(err)
				}
				cancel()
			}
		})
	}
	done := make(chan struct{})
	go func() { calls.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		buf := make([]byte, 1<<16)
		t.Fatalf("somebody waits although nobody is served: %v\n%s", inFlightOf(t, lb), buf[:runtime.Stack(buf, true)])
	}
	assert.Zero(t, failed.Load())
	assert.Equal(t, map[string]int{"a0": 0, "a1": 0, "a2": 0}, inFlightOf(t, lb))
}

// Without patience the number that is admitted is exact: nobody is turned away by one
// who was turned away himself.
func TestNobodyIsTurnedAwayWhereThereIsRoom(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake, account("only", inFlight(8))))
	var calls sync.WaitGroup
	for range 8 { // never more than 8 at the same time
		calls.Go(func() {
			for range 200 {
				_, _, err := send(t.Context(), t, lb)
				assert.NoError(t, err)
			}
		})
	}
	calls.Wait()
}

func TestCloseAndShutdownWhileWaiting(t *testing.T) {
	t.Run("Close", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			cfg := over(fake, account("only", inFlight(1)))
			cfg.MaxWait = time.Hour
			lb := newTransport(t, cfg)
			hold(t.Context(), t, lb)
			errs := make(chan error, 5)
			for range 5 {
				go func() { errs <- chatted(t.Context(), lb) }()
			}
			synctest.Wait()
			require.NoError(t, lb.Close())
			for range 5 {
				assert.ErrorIs(t, <-errs, balancer.ErrClosed)
			}
		})
	})
	t.Run("Shutdown", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			fake.Always(providertest.OK().After(time.Second))
			cfg := over(fake, account("only", inFlight(1)))
			cfg.MaxWait = time.Hour
			lb := newTransport(t, cfg)
			served := make(chan int, 5)
			for i := range 5 {
				waiting(t.Context(), t, lb, i, served)
			}
			require.NoError(t, lb.Shutdown(t.Context()))
			assert.Equal(t, []int{0, 1, 2, 3, 4}, numbers(served, 5), "they came before")
		})
	})
}

// Who waits goes to the accounts that there are, in the order in which he came.
func TestSetAccountsReachesThoseWhoWait(t *testing.T) {
	tests := map[string]struct {
		accounts []balancer.Account
		want     string // who serves them; "": nobody
	}{
		"one is added":      {[]balancer.Account{account("only", inFlight(1)), account("new", inFlight(1))}, "new"},
		"it is replaced":    {[]balancer.Account{account("new", inFlight(1))}, "new"},
		"it may serve more": {[]balancer.Account{account("only", inFlight(2))}, "only"},
		"it is disabled":    {[]balancer.Account{account("only", func(a *balancer.Account) { a.Disabled = true })}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				fake.Always(providertest.OK().After(time.Second))
				cfg := over(fake, account("only", inFlight(1)))
				cfg.MaxWait = time.Hour
				lb := newTransport(t, cfg)
				hold(t.Context(), t, lb)
				served := make(chan int, 5)
				for i := 1; i <= 5; i++ {
					waiting(t.Context(), t, lb, i, served)
				}
				start := time.Now()
				require.NoError(t, lb.SetAccounts(tt.accounts))
				if tt.want == "" {
					assert.ElementsMatch(t, []int{-1, -2, -3, -4, -5}, numbers(served, 5))
					assert.Equal(t, start, time.Now(), "at once")
					return
				}
				assert.Equal(t, []int{1, 2, 3, 4, 5}, numbers(served, 5))
				assert.Equal(t, 5*time.Second, time.Since(start))
				assert.Len(t, slices.DeleteFunc(keysSeen(fake)[1:], func(s string) bool { return s != tt.want }), 5)
			})
		})
	}
}

// A request that has tried what is free now does not stand in the way of others.
func TestARetryThatWaitsLetsOthersPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.ScriptFor("key-free", providertest.ServerError())
		cfg := over(fake, account("free", priority(1), inFlight(1)), account("full", priority(2), inFlight(1)))
		cfg.MaxWait = time.Minute
		cfg.SessionTTL = -1
		lb := newTransport(t, cfg)
		held := hold(balancer.WithHint(t.Context(), balancer.Hint{Account: "full"}), t, lb)
		served := make(chan int, 9)
		waiting(t.Context(), t, lb, 1, served) // "free" fails it; it waits for "full"
		start := time.Now()
		for i := 2; i <= 5; i++ {
			waiting(t.Context(), t, lb, i, served)
		}
		assert.Equal(t, []int{2, 3, 4, 5}, numbers(served, 4))
		assert.Equal(t, start, time.Now())
		require.NoError(t, held.Body.Close())
		assert.Equal(t, 1, <-served)
	})
}

// An account that is out of use for good keeps no account of former times in memory.
func TestSetAccountsKeepsNothingOfFormerAccounts(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	fake.AlwaysFor("key-dead", providertest.Unauthorized())
	var kept, freed atomic.Int64
	cfg := over(fake)
	cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
		rt := &inMemory{fake}
		kept.Add(1)
		runtime.AddCleanup(rt, func(int) { freed.Add(1) }, 0)
		return rt, nil
	}
	cfg.Accounts = []balancer.Account{account("dead"), account("well", priority(1))}
	cfg.Policy = health.Policy{AuthFailures: 1}
	lb := newTransport(t, cfg)
	for range 50 {
		require.NoError(t, lb.SetAccounts(cfg.Accounts))
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
	}
	assert.Eventually(t, func() bool {
		runtime.GC()
		return kept.Load()-freed.Load() <= 10
	}, 5*time.Second, 10*time.Millisecond, "accounts of former times are kept")
	assert.Equal(t, 1, fake.CountFor("key-dead"))
}

// Those who wait are served also where health or quota changes beside them.
func TestWaitersAreServedAfterARestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, account("a", inFlight(1)), account("b", inFlight(1)))
		cfg.MaxWait = time.Minute
		lb := newTransport(t, cfg)
		fake.ScriptFor("key-b", providertest.Unauthorized())
		status, _, err := send(balancer.WithHint(t.Context(), balancer.Hint{Account: "b"}), t, lb)
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, status)
		hold(t.Context(), t, lb)
		served := make(chan int, 1)
		waiting(t.Context(), t, lb, 1, served)
		require.NoError(t, lb.Enable(t.Context(), "b"))
		assert.Equal(t, 1, <-served)
		assert.Equal(t, "b", strings.Join(keysSeen(fake)[2:], " "), "%v", keysSeen(fake))
	})
}

// While the accounts change again and again everybody is served, and nothing is left.
func TestWaitingWhileAccountsChange(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, many(3, inFlight(2))...)
	cfg.MaxWait = 30 * time.Second
	cfg.Quota = quota.NewMemory(quota.MemoryConfig{})
	lb := newTransport(t, cfg)
	var calls sync.WaitGroup
	stop := make(chan struct{})
	for w := range 16 {
		calls.Go(func() {
			for i := range 40 {
				_, _, err := send(session(t.Context(), strings.Repeat("s", 1+(w+i)%5)), t, lb)
				assert.NoError(t, err)
			}
		})
	}
	var changes sync.WaitGroup
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				assert.NoError(t, lb.SetAccounts(many(1+i%3, inFlight(int64(1+i%2)))))
			}
		}
	})
	calls.Wait()
	close(stop)
	changes.Wait()
	require.NoError(t, lb.SetAccounts(many(3, inFlight(2))))
	assert.Equal(t, map[string]int{"a0": 0, "a1": 0, "a2": 0}, inFlightOf(t, lb))
	for range 6 { // no place is lost for good
		hold(t.Context(), t, lb)
	}
}
