package balancer_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
)

// trickling answers an error, then a space a second, until it has sent that many
// or the caller has gone.
func trickling(status, spaces int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"error":{"message":"no","type":"server_error","param":null,"code":null}}`)
		for range spaces {
			select {
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			case <-time.After(time.Second):
			}
			if _, err := io.WriteString(w, " "); err != nil {
				return
			}
		}
	})
}

// An error whose body does not end is judged by what came in 5 s, and the caller
// gets all of it.
func TestErrorBodyThatTrickles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := over(trickling(500, 60), account("only"))
		cfg.MaxAttempts = 1
		lb := newTransport(t, cfg)
		start := time.Now()
		resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
		require.NoError(t, err)
		require.Equal(t, 5*time.Second, time.Since(start))
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.True(t, strings.HasSuffix(string(body), "}}"+strings.Repeat(" ", 60)), "%q", body)
		require.Equal(t, time.Minute, time.Since(start))
	})
}

// Another account answers once the 5 s are over, and what was left unread is ended.
func TestErrorBodyWithoutEndFailsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := providertest.OpenAI(providertest.Config{})
		cfg := over(fake, twoAccounts()...)
		ended := make(chan struct{})
		endless := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			trickling(500, 1<<30).ServeHTTP(w, r)
		})
		cfg.RoundTripper = func(a balancer.Account) (http.RoundTripper, error) {
			if a.Name == "first" {
				return inMemory{endless}, nil
			}
			return inMemory{fake}, nil
		}
		lb := newTransport(t, cfg)
		start := time.Now()
		status, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.LessOrEqual(t, time.Since(start), 6*time.Second) // the fake notices at its next byte
		<-ended
	})
}

// At most 64 KiB are read ahead, however fast the body comes.
func TestErrorBodyWithoutEndIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		cfg := over(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			for part := strings.Repeat("x", 1<<10); ; sent += len(part) {
				if _, err := io.WriteString(w, part); err != nil {
					return
				}
			}
		}), account("only"))
		cfg.MaxAttempts = 1
		lb := newTransport(t, cfg)
		resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
		require.NoError(t, err)
		synctest.Wait()
		require.LessOrEqual(t, sent, 129<<10) // and 64 KiB that the fake keeps unread
		n, err := io.CopyN(io.Discard, resp.Body, 1<<20)
		require.NoError(t, err)
		require.EqualValues(t, 1<<20, n)
		require.NoError(t, resp.Body.Close())
	})
}

// A caller who goes while the error is read does not wait for its end.
func TestErrorBodyAndCallerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lb := newTransport(t, over(trickling(500, 1<<30), account("only")))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		resp, err := lb.RoundTrip(newRequest(ctx, t, http.MethodPost, chatURL, chat))
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		require.Error(t, err)
		require.Equal(t, 2*time.Second, time.Since(start))
	})
}

// A layer that panics while the error is read does so where a caller can recover.
func TestErrorBodyThatPanics(t *testing.T) {
	cfg := over(nil, account("only"))
	cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
		return transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{}, Body: io.NopCloser(panicking{})}, nil
		}), nil
	}
	lb := newTransport(t, cfg)
	require.PanicsWithValue(t, "on purpose", func() {
		_, _ = lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
	})
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("on purpose") }

// What answers say of rate limits stands in the snapshot, good answers included.
func TestSnapshotShowsRateLimits(t *testing.T) {
	lb := newTransport(t, over(providertest.OpenAI(providertest.Config{}), account("only")))
	status, _, err := send(t.Context(), t, lb)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	s, err := lb.Snapshot(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, s.Accounts[0].RateLimits)
	for _, l := range s.Accounts[0].RateLimits {
		require.Positive(t, l.Limit, l.Name)
		require.GreaterOrEqual(t, l.Remaining, int64(0), l.Name)
	}
}
