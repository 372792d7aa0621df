package balancer_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
)

// The only account is tried once more after a failure that may be over in a moment.
func TestTheOnlyAccountIsTriedOnceMore(t *testing.T) {
	broken := func(sent transport.Sent, phase transport.Phase) http.RoundTripper {
		return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			closeIt(r)
			return nil, &transport.Error{Phase: phase, Sent: sent, Addr: r.URL.Host, Err: errBroken}
		})
	}
	tests := map[string]struct {
		step  providertest.Step
		rt    http.RoundTripper // instead, for the first attempt
		again bool
	}{
		"500":                 {step: providertest.ServerError(), again: true},
		"overloaded":          {step: providertest.Overloaded(), again: true},
		"inside a 200":        {step: providertest.ServerError().In200(), again: true},
		"cut":                 {step: providertest.CutStream(0), again: true},
		"never sent":          {rt: broken(transport.SentNo, transport.PhaseDialTarget), again: true},
		"the proxy":           {rt: broken(transport.SentNo, transport.PhaseDialProxy), again: true},
		"the connection":      {rt: broken(transport.SentYes, transport.PhaseWait), again: true},
		"429":                 {step: providertest.RateLimited(time.Second)},
		"at capacity":         {step: providertest.Capacity()},
		"401":                 {step: providertest.Unauthorized()},
		"no money":            {step: providertest.QuotaExhausted()},
		"403":                 {step: providertest.PermissionDenied()},
		"404":                 {step: providertest.ModelNotFound()},
		"400":                 {step: providertest.InvalidRequest()},
		"a conflict":          {step: providertest.Status(409, nil, "")},
		"500 with a time":     {step: providertest.Status(500, http.Header{"Retry-After": {"30"}}, "")},
		"an answer timed out": {step: providertest.Status(408, nil, "")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				fake.Script(tt.step)
				attempts := 0
				cfg := over(fake, account("only"))
				cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
					return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
						if attempts++; attempts == 1 && tt.rt != nil {
							return tt.rt.RoundTrip(r)
						}
						return inMemory{fake}.RoundTrip(r)
					}), nil
				}
				lb := newTransport(t, cfg)
				start := time.Now()
				status, _, err := send(t.Context(), t, lb)
				took := time.Since(start)
				require.NoError(t, err)
				if !tt.again {
					assert.Equal(t, 1, attempts)
					assert.Zero(t, took)
					return
				}
				assert.Equal(t, http.StatusOK, status)
				assert.Equal(t, 2, attempts)
				assert.GreaterOrEqual(t, took, 100*time.Millisecond)
				assert.Less(t, took, 200*time.Millisecond)
			})
		})
	}
}

func closeIt(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// It is tried once more, and no oftener; and not where it was not the only one.
func TestOnceMoreIsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for want, accounts := range map[int][]balancer.Account{2: {account("a")}, 3: {account("a"), account("b"), account("c")}} {
			fake := providertest.OpenAI(providertest.Config{})
			fake.Always(providertest.ServerError())
			cfg := over(fake, accounts...)
			cfg.MaxAttempts = 10
			status, _, err := send(t.Context(), t, newTransport(t, cfg))
			require.NoError(t, err)
			assert.Equal(t, http.StatusInternalServerError, status)
			assert.Equal(t, want, fake.Count())
		}
	})
}

// No pause is made that ends after the caller's patience, or the deadline.
func TestPausesEndWithTheCallersPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Always(providertest.ServerError())
		cfg := over(fake, account("a"))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		status, _, err := send(ctx, t, newTransport(t, cfg))
		require.NoError(t, err)
		assert.Equal(t, 500, status, "the answer that there is")
		assert.Zero(t, time.Since(start))
		cfg.Deadline = 50 * time.Millisecond
		status, _, err = send(t.Context(), t, newTransport(t, cfg))
		require.NoError(t, err)
		assert.Equal(t, 500, status)
		assert.Equal(t, 2, fake.Count())
	})
}

// When every account rests for a limit, a request waits for the one that is back
// first, if that is soon enough.
func TestWaitingForAReset(t *testing.T) {
	resets := map[string]time.Duration{"first": 9 * time.Second, "second": 5 * time.Second}
	tests := map[string]struct {
		wait, deadline, patience time.Duration
		retryCount               string
		status, calls            int
		took                     time.Duration
	}{
		"long enough":                   {wait: 6 * time.Second, status: 200, calls: 3, took: 5 * time.Second},
		"not at all":                    {status: 429, calls: 2},
		"too short":                     {wait: 4 * time.Second, status: 429, calls: 2},
		"the deadline is before":        {wait: time.Minute, deadline: 4 * time.Second, status: 429, calls: 2},
		"the caller's end is before":    {wait: time.Minute, patience: 4 * time.Second, status: 429, calls: 2},
		"an SDK's own retry goes alone": {wait: time.Minute, retryCount: "1", status: 429, calls: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				for name, reset := range resets {
					fake.ScriptFor("key-"+name, providertest.RateLimited(reset))
				}
				cfg := over(fake, twoAccounts()...)
				cfg.MaxWait, cfg.Deadline = tt.wait, tt.deadline
				lb := newTransport(t, cfg)
				ctx := t.Context()
				if tt.patience > 0 {
					c, cancel := context.WithTimeout(ctx, tt.patience)
					defer cancel()
					ctx = c
				}
				req := newRequest(ctx, t, http.MethodPost, chatURL, chat)
				req.Header.Set("X-Stainless-Retry-Count", tt.retryCount)
				start := time.Now()
				status, _, err := do(lb, req)
				require.NoError(t, err)
				assert.Equal(t, tt.status, status)
				assert.Equal(t, tt.calls, fake.Count())
				assert.InDelta(t, tt.took, time.Since(start), float64(1100*time.Millisecond))
				if tt.took == 0 {
					assert.Zero(t, time.Since(start))
				}
			})
		})
	}
}

// A request that comes while all rest waits too, and one that finds that nobody is
// back in time is told at once.
func TestWaitingWhenAllRestAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.Script(providertest.RateLimited(10 * time.Second))
		cfg := over(fake, account("only"))
		cfg.MaxWait = 8 * time.Second
		lb := newTransport(t, cfg)
		status, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		require.Equal(t, 429, status)
		start := time.Now()
		_, _, err = send(t.Context(), t, lb)
		require.ErrorIs(t, err, balancer.ErrNoAccount)
		require.Zero(t, time.Since(start))
		time.Sleep(4 * time.Second)
		status, _, err = send(t.Context(), t, lb)
		require.NoError(t, err)
		require.Equal(t, 200, status)
		require.GreaterOrEqual(t, time.Since(start), 10*time.Second)
		require.Less(t, time.Since(start), 12*time.Second)
	})
}

// A caller who goes ends the waiting, and nothing is sent any more; so does Close.
func TestCallerGoesWhileWaiting(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(context.CancelFunc, *balancer.Transport)
		want error
	}{
		"the caller": {func(cancel context.CancelFunc, _ *balancer.Transport) { cancel() }, context.Canceled},
		"Close":      {func(_ context.CancelFunc, lb *balancer.Transport) { _ = lb.Close() }, balancer.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				fake.Script(providertest.RateLimited(10*time.Minute), providertest.OK())
				cfg := over(fake, account("only"))
				cfg.MaxWait = 5 * time.Minute
				lb := newTransport(t, cfg)
				status, _, err := send(t.Context(), t, lb)
				require.NoError(t, err)
				require.Equal(t, 429, status, "too far away to be waited for")
				time.Sleep(6 * time.Minute)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(3*time.Second, func() { tt.end(cancel, lb) })
				start := time.Now()
				_, _, err = send(ctx, t, lb)
				require.ErrorIs(t, err, tt.want)
				require.Equal(t, 3*time.Second, time.Since(start))
				require.Equal(t, 1, fake.Count())
			})
		})
	}
}
