package balancer_test

import (
	"io"
	"math"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
)

// spending are two accounts of which the first fails at every request, and nothing
// but the retry budget keeps requests from being tried again.
func spending(fake *providertest.Fake, b balancer.RetryBudget) balancer.Config {
	cfg := over(fake, twoAccounts()...)
	cfg.RetryBudget = b
	cfg.Policy.Failures, cfg.Policy.Ratio, cfg.Policy.RateLimitRest, cfg.Policy.AuthFailures = -1, -1, -1, -1
	return cfg
}

// What an outage may be multiplied by.
func TestRetryBudget(t *testing.T) {
	tests := map[string]struct {
		budget   balancer.RetryBudget
		requests int
		retries  int // of those
	}{
		"at least ten":          {balancer.RetryBudget{}, 40, 10},
		"a fifth":               {balancer.RetryBudget{}, 500, 100},
		"a share of one's own":  {balancer.RetryBudget{Share: 0.5}, 100, 50},
		"a number of one's own": {balancer.RetryBudget{Min: 25}, 60, 25},
		"no share":              {balancer.RetryBudget{Share: -1}, 500, 10},
		"none at all":           {balancer.RetryBudget{Share: -1, Min: -1}, 100, 0},
		"no bound":              {balancer.RetryBudget{Share: math.Inf(1)}, 100, 100},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := providertest.OpenAI(providertest.Config{})
				fake.AlwaysFor("key-first", providertest.ServerError())
				lb := newTransport(t, spending(fake, tt.budget))
				ctx, trail := balancer.WithTrail(t.Context())
				var calls sync.WaitGroup
				for range 10 { // never check and then spend
					calls.Go(func() {
						for range tt.requests / 10 {
							_, _, err := send(ctx, t, lb)
							assert.NoError(t, err)
						}
					})
				}
				calls.Wait()
				assert.Equal(t, tt.retries, fake.CountFor("key-second"))
				empty := 0
				for _, a := range trail.Attempts() {
					if a.NoBudget {
						empty++
						assert.Contains(t, a.String(), "retry budget")
					}
				}
				assert.Equal(t, tt.requests-tt.retries, empty)
			})
		})
	}
}

// The budget is that of the last minute.
func TestRetryBudgetSlides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.AlwaysFor("key-first", providertest.ServerError())
		lb := newTransport(t, spending(fake, balancer.RetryBudget{}))
		burst := func(want int) {
			t.Helper()
			before := fake.CountFor("key-second")
			for range 15 {
				_, _, err := send(t.Context(), t, lb)
				require.NoError(t, err)
			}
			require.Equal(t, want, fake.CountFor("key-second")-before)
		}
		burst(10)
		time.Sleep(30 * time.Second)
		burst(0)
		time.Sleep(31 * time.Second)
		burst(10)
		time.Sleep(24 * time.Hour)
		burst(10)
	})
}

// Which failures the attempt after them costs the budget, which is empty here.
func TestWhatCostsTheRetryBudget(t *testing.T) {
	broken := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		return nil, &transport.Error{Phase: transport.PhaseWait, Sent: transport.SentYes, Addr: r.URL.Host, Err: io.ErrUnexpectedEOF}
	})
	tests := map[string]struct {
		step  providertest.Step
		rt    http.RoundTripper // instead
		costs bool
	}{
		"never sent":        {rt: refusing},
		"sent, unanswered":  {rt: broken, costs: true},
		"401":               {step: providertest.Unauthorized()},
		"402":               {step: providertest.Status(402, nil, "")},
		"403":               {step: providertest.PermissionDenied()},
		"404":               {step: providertest.ModelNotFound()},
		"429":               {step: providertest.RateLimited(time.Minute)},
		"429, no money":     {step: providertest.QuotaExhausted()},
		"408":               {step: providertest.Status(408, nil, ""), costs: true},
		"500":               {step: providertest.ServerError(), costs: true},
		"503":               {step: providertest.Overloaded(), costs: true},
		"529":               {step: providertest.Status(529, nil, ""), costs: true},
		"inside a 200":      {step: providertest.ServerError().In200(), costs: true},
		"inside, overload":  {step: providertest.Overloaded().In200(), costs: true},
		"inside, 429":       {step: providertest.RateLimited(time.Minute).In200()},
		"inside, no answer": {step: providertest.CutStream(0), costs: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			fake.AlwaysFor("key-first", tt.step)
			cfg := spending(fake, balancer.RetryBudget{Share: -1, Min: -1})
			cfg.RoundTripper = func(a balancer.Account) (http.RoundTripper, error) {
				if a.Name == "first" && tt.rt != nil {
					return tt.rt, nil
				}
				return inMemory{fake}, nil
			}
			ctx, trail := balancer.WithTrail(t.Context())
			resp, err := newTransport(t, cfg).RoundTrip(newRequest(ctx, t, http.MethodPost, chatURL, chat))
			if err == nil {
				_, _ = io.ReadAll(resp.Body)
				require.NoError(t, resp.Body.Close())
			}
			assert.Equal(t, tt.costs, fake.CountFor("key-second") == 0)
			assert.Equal(t, tt.costs, trail.Attempts()[0].NoBudget)
			switch {
			case tt.rt != nil && tt.costs:
				require.ErrorContains(t, err, "retry budget")
			case tt.costs && resp.StatusCode >= 400:
				assert.Equal(t, "false", resp.Header.Get("X-Should-Retry"), "the last answer is returned as it is")
			}
		})
	}
}

// An attempt that is paid for and not made costs nothing.
func TestRetryBudgetIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		fake.AlwaysFor("key-first", providertest.Status(408, nil, "")) // nothing to try the only account again for
		cfg := spending(fake, balancer.RetryBudget{Share: -1, Min: 1})
		lb := newTransport(t, cfg)
		only := balancer.WithHint(t.Context(), balancer.Hint{Account: "first"})
		for range 20 {
			_, _, err := send(only, t, lb)
			require.NoError(t, err)
		}
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.Equal(t, 1, fake.CountFor("key-second"))
	})
}

func TestRetryBudgetIsChecked(t *testing.T) {
	cfg := over(nil, account("a"))
	cfg.RetryBudget.Share = math.NaN()
	_, err := balancer.New(cfg)
	require.ErrorContains(t, err, "RetryBudget.Share")
	cfg = over(nil, account("a"))
	cfg.MaxWait = -1
	_, err = balancer.New(cfg)
	require.ErrorContains(t, err, "MaxWait")
}
