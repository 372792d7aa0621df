package balancer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// quiet is synctest.Test, in which time stands still, and the test with it, while somebody
// is busy.
func quiet(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	late := time.AfterFunc(time.Minute, func() { panic(t.Name() + ": those who wait are busy") })
	defer late.Stop()
	synctest.Test(t, f)
}

// answering makes transports whose accounts answer at once.
func answering(Account) (http.RoundTripper, error) {
	return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: 2,
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
	}), nil
}

// chatted sends a chat and returns its answer.
func chatted(ctx context.Context, t *testing.T, lb *Transport, model string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.openai.com/v1/chat/completions",
		strings.NewReader(`{"model":"`+model+`","messages":[{"role":"user","content":"hi"}]}`))
	if !assert.NoError(t, err) { // it may be called beside the test
		return nil, err
	}
	return lb.RoundTrip(r)
}

// TestWhoWaitsIsQuietWhileCrowdsAreForgotten: callers make up names of models while some
// wait for the same account. These neither wake each other again and again, nor does a
// person lose sight of them.
func TestWhoWaitsIsQuietWhileCrowdsAreForgotten(t *testing.T) {
	quiet(t, func(t *testing.T) {
		only := named("only", nil)
		only.Limits = []quota.Limit{{Unit: quota.InFlight, Max: 1}}
		lb, err := New(Config{MaxWait: time.Hour, RoundTripper: answering, Accounts: []Account{only}})
		require.NoError(t, err)
		defer func() { require.NoError(t, lb.Close()) }()
		open, err := chatted(t.Context(), t, lb, "gpt-5")
		require.NoError(t, err)
		r := lb.fleet.Load().routes[0]
		const waiting = 8
		served := make(chan int, waiting)
		for n := range waiting {
			go func() {
				resp, err := chatted(t.Context(), t, lb, "gpt-5")
				if assert.NoError(t, err) {
					served <- n
					_ = resp.Body.Close()
				}
			}()
			synctest.Wait()
			for i := range maxSorts + 1 {
				r.crowds.of(lb, asking(r, fmt.Sprint("made-up-", n, "-", i)), time.Now().UnixNano())
			}
			synctest.Wait()
		}
		snap, err := lb.Snapshot(t.Context())
		require.NoError(t, err)
		assert.Equal(t, waiting, snap.Waiting)
		require.NoError(t, open.Body.Close())
		for n := range waiting {
			assert.Equal(t, n, <-served)
		}
	})
}

// TestWhoWaitsIsQuietBetweenTwoStatesOfAModel: it waits for its probe at the account, and
// rests at the provider.
func TestWhoWaitsIsQuietBetweenTwoStatesOfAModel(t *testing.T) {
	quiet(t, func(t *testing.T) {
		lb, err := New(Config{Accounts: []Account{named("only", nil)}, RoundTripper: answering, MaxWait: time.Hour})
		require.NoError(t, err)
		defer func() { require.NoError(t, lb.Close()) }()
		m := lb.fleet.Load().members[0]
		rest := func(s health.Subject, d time.Duration) {
			policy, o := health.Policy{Failures: 1, Rest: d, Jitter: -1}, health.Outcome{Kind: health.OutcomeFailure}
			require.NoError(t, lb.update(t.Context(), lb.domains.failing(s), func(s health.State) health.State { return policy.Apply(s, o, time.Now()) }))
		}
		rest(m.accountModel("gpt-5"), time.Second)
		rest(m.providerModel("gpt-5"), time.Minute)
		time.Sleep(2 * time.Second)
		assert.Equal(t, 58*time.Second, <-queued(t, lb, "gpt-5"))
	})
}
