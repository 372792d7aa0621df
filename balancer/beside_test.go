package balancer_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
)

// The first account is mute, the second was asked by hedging and answers soon, a third is
// asked in the first one's place: nobody waits for the third alone.
func TestTheLastAttemptBesideAHedgeDoesNotHideItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lived []time.Duration
		accounts := []balancer.Account{account("a", priority(1)), account("b", priority(2)), account("c", priority(3))}
		cfg := each(accounts, hanging(&lived), playing(12*time.Second, word, done), hanging(&lived))
		cfg.FirstByteTimeout, cfg.Hedge.After = 10*time.Second, time.Second
		lb := newTransport(t, cfg)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		_, body, err := do(lb, streamed(ctx, t))
		require.NoError(t, err)
		assert.Contains(t, body, "Hi")
		assert.LessOrEqual(t, time.Since(start), 15*time.Second, "b had its answer after 13 s")
	})
}

// Headers without a byte after them do not win against a second account that will have
// content.
func TestMuteHeadersDoNotWinAgainstAHedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := each(twoAccounts(), playing(100*time.Hour), playing(11*time.Second, word, done))
		cfg.FirstByteTimeout, cfg.Hedge.After = 10*time.Second, time.Second
		lb := newTransport(t, cfg)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		_, body, err := do(lb, streamed(ctx, t))
		require.NoError(t, err)
		assert.Contains(t, body, "Hi")
		assert.LessOrEqual(t, time.Since(start), 15*time.Second, "the second had content after 12 s")
	})
}

type endlessBody struct {
	io.Reader
	closed chan struct{}
	once   sync.Once
}

func (b *endlessBody) Close() error { b.once.Do(func() { close(b.closed) }); return nil }

// stalling yields text and then waits until it is closed.
func stalling(text string) *endlessBody {
	b := &endlessBody{closed: make(chan struct{})}
	b.Reader = io.MultiReader(strings.NewReader(text), untilShut{b.closed})
	return b
}

type untilShut struct{ c chan struct{} }

func (w untilShut) Read([]byte) (int, error) { <-w.c; return 0, io.ErrUnexpectedEOF }

func streamOf(r *http.Request, n int64, body io.ReadCloser) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: n,
		Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: body}
}

// A Hold.Time of a second is no other sort of holding.
func TestAHoldOfASecondLetsContentThrough(t *testing.T) {
	for _, hold := range []time.Duration{time.Second, 2 * time.Second} {
		t.Run(hold.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := over(nil, twoAccounts()...)
				cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
					return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
						body := stalling(word)
						context.AfterFunc(r.Context(), func() { _ = body.Close() })
						return streamOf(r, 1<<20, body), nil
					}), nil
				}
				cfg.Hold.Time = hold
				lb := newTransport(t, cfg)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				start := time.Now()
				resp, err := lb.RoundTrip(streamed(ctx, t))
				require.NoError(t, err)
				assert.Zero(t, time.Since(start), "content was there at once")
				_ = resp.Body.Close()
			})
		})
	}
}

// The caller goes just before the headers of a stream come whose body does not know of
// the context.
func TestACallerWhoGoesJustBeforeTheHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := over(nil, twoAccounts()...)
		cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
			return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				time.Sleep(2 * time.Second)
				return streamOf(r, -1, stalling("")), nil
			}), nil
		}
		lb := newTransport(t, cfg)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		over, asked := make(chan struct{}), streamed(ctx, t)
		go func() {
			defer close(over)
			resp, err := lb.RoundTrip(asked)
			if err == nil {
				_ = resp.Body.Close()
			}
		}()
		select {
		case <-over:
		case <-time.After(time.Hour):
			t.Error("an hour after the caller has gone RoundTrip still waits")
			require.NoError(t, lb.Close())
			select {
			case <-over:
			case <-time.After(time.Hour):
				t.Fatal("and Close does not end it")
			}
		}
	})
}

// What the provider brings along panics once, for an answer that is not held: the slot is
// given back.
func TestAMeterThatPanicsLeavesNoSlot(t *testing.T) {
	p := *provider.OpenAI
	p.NewMeter = func(provider.Operation, http.Header) provider.Meter { panic("a bug in the meter") }
	a := account("a", oneAtATime)
	a.Provider = &p
	cfg := over(providertest.OpenAI(providertest.Config{}), a)
	cfg.MaxAttempts = 1
	lb := newTransport(t, cfg)
	assert.Panics(t, func() { _, _, _ = send(t.Context(), t, lb) })
	snap, err := lb.Snapshot(t.Context())
	require.NoError(t, err)
	assert.Zero(t, snap.Accounts[0].InFlight)
}

// The accounts are changed while an attempt is under way beside which another is chosen:
// go test -race.
func TestAccountsThatChangeBeforeAHedge(t *testing.T) {
	cfg := over(nil, twoAccounts()...)
	const created = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"in_progress\"}}\n\n"
	cfg.RoundTripper = func(a balancer.Account) (http.RoundTripper, error) {
		return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			pr, pw := io.Pipe()
			go func() {
				if a.Name == "first" {
					time.Sleep(100 * time.Millisecond)
					_, _ = io.WriteString(pw, created)
					time.Sleep(100 * time.Millisecond)
				} else {
					time.Sleep(time.Second)
				}
				_ = pw.Close()
			}()
			return streamOf(r, -1, pr), nil
		}), nil
	}
	cfg.Hedge.After = 50 * time.Millisecond
	lb := newTransport(t, cfg)
	time.AfterFunc(20*time.Millisecond, func() { _ = lb.SetAccounts(twoAccounts()) })
	_, _, _ = do(lb, newRequest(t.Context(), t, http.MethodPost, apis["responses"].url, apis["responses"].body))
}

// A layer panics in an attempt that has lost meanwhile: somebody is told.
func TestAPanicOfALoserIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		cfg := over(nil, twoAccounts()...)
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		cfg.RoundTripper = func(a balancer.Account) (http.RoundTripper, error) {
			return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				if a.Name == "first" {
					<-r.Context().Done()
					panic("a bug in a layer")
				}
				return inMemory{whole(0, "two")}.RoundTrip(r)
			}), nil
		}
		cfg.Hedge.After = time.Second
		lb := newTransport(t, cfg)
		_, body, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		require.Contains(t, body, "two")
		synctest.Wait()
		assert.Contains(t, log.String(), "panic")
		snap := snapshotOf(t, lb)
		assert.Zero(t, snap.Accounts[0].InFlight)
	})
}

// What a credential panics with may be what it guards: no log shows it.
func TestAPanicOfALosersCredentialKeepsItsSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		accounts := twoAccounts()
		accounts[0].Secret, accounts[0].Credential = "", provider.CredentialFunc(func(ctx context.Context) (string, error) {
			<-ctx.Done()
			panic("refresh token " + secretMark)
		})
		cfg := each(accounts, whole(0, "one"), whole(0, "two"))
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		cfg.Hedge.After = time.Second
		_, body, err := send(t.Context(), t, newTransport(t, cfg))
		require.NoError(t, err)
		require.Contains(t, body, "two")
		synctest.Wait()
		assert.Contains(t, log.String(), "panic")
		assertNoSecret(t, "the log", log.String())
	})
}
