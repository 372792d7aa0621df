package balancer_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
)

// Two accounts are mute, a third is well: FirstByteTimeout finds it also where the second
// was asked by hedging.
func TestSilenceOfBothHedgedAccounts(t *testing.T) {
	for _, hedge := range []time.Duration{0, time.Second} {
		t.Run(hedge.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var lived, others []time.Duration
				accounts := []balancer.Account{account("a", priority(1)), account("b", priority(2)), account("c", priority(3))}
				cfg := each(accounts, hanging(&lived), hanging(&others), playing(word, done))
				cfg.FirstByteTimeout, cfg.Hedge.After = 10*time.Second, hedge
				lb := newTransport(t, cfg)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				start := time.Now()
				_, body, err := do(lb, streamed(ctx, t))
				require.NoError(t, err)
				assert.Contains(t, body, "Hi")
				assert.LessOrEqual(t, time.Since(start), 25*time.Second)
			})
		})
	}
}

// A hedge that only it cannot serve does not cost the caller the answer of the first.
func TestAHedgeThatRefusesTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":{"message":"Unsupported parameter: 'reasoning_effort'","type":"invalid_request_error","param":"reasoning_effort","code":"unsupported_parameter"}}`))
		})
		cfg := each(twoAccounts(), whole(3*time.Second, "one"), refusing)
		cfg.Hedge.After = 2 * time.Second
		status, body, err := send(t.Context(), t, newTransport(t, cfg))
		require.NoError(t, err)
		assert.Equal(t, 200, status, body)
	})
}

// A first byte that comes in the moment in which the account is left makes a whole answer
// or none.
func TestAFirstByteInTheMomentOfItsTimeout(t *testing.T) {
	const times = 300
	refused, cut := 0, 0
	for range times {
		synctest.Test(t, func(t *testing.T) {
			cfg := each(twoAccounts(), playing(10*time.Second, word, time.Second, word, time.Second, done), playing(other, done))
			cfg.FirstByteTimeout = 10 * time.Second
			resp, err := newTransport(t, cfg).RoundTrip(streamed(t.Context(), t))
			if err != nil {
				refused++
				return
			}
			defer resp.Body.Close()
			if _, err := io.ReadAll(resp.Body); err != nil {
				cut++
			}
		})
	}
	assert.Zero(t, refused, "of %d: no answer although the second account is well", times)
	assert.Zero(t, cut, "of %d: an answer that breaks off", times)
}

// Headers that come in the moment of the time-out, and no byte after them.
func TestHeadersInTheMomentOfTheTimeout(t *testing.T) {
	late := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-time.After(10 * time.Second):
		}
		playing(time.Hour*100).ServeHTTP(w, r)
	})
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			cfg := each(twoAccounts(), late, playing(other, done))
			cfg.FirstByteTimeout = 10 * time.Second
			lb := newTransport(t, cfg)
			start := time.Now()
			_, _, err := do(lb, streamed(t.Context(), t))
			require.NoError(t, err)
			require.LessOrEqual(t, time.Since(start), 21*time.Second)
		})
		if t.Failed() {
			return
		}
	}
}

// A caller who goes while the second account is asked is told so.
func TestACallerWhoGoesAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lived []time.Duration
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		status, body, err := send(ctx, t, newTransport(t, each(twoAccounts(), failed(0), hanging(&lived))))
		assert.ErrorIs(t, err, context.DeadlineExceeded, "%d %s", status, body)
	})
}
