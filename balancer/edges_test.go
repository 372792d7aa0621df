package balancer_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
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
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// tellsClose tells when a body was closed.
type tellsClose struct {
	io.Reader
	closed *atomic.Bool
}

func (c tellsClose) Close() error { c.closed.Store(true); return nil }

func TestAPanicInAProvidersFuncClosesTheAnswer(t *testing.T) {
	for name, change := range map[string]func(*provider.Provider){
		"Classify": func(p *provider.Provider) {
			p.Classify = func(provider.Answer) provider.Verdict { panic("on purpose") }
		},
		"NewMeter": func(p *provider.Provider) {
			p.NewMeter = func(provider.Operation, http.Header) provider.Meter { panic("on purpose") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := *provider.OpenAI
			change(&p)
			var closed atomic.Bool
			cfg := over(nil, account("main", func(a *balancer.Account) { a.Provider = &p }))
			cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
				return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
					status := http.StatusOK
					if name == "Classify" {
						status = http.StatusInternalServerError
					}
					return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
						Body: tellsClose{strings.NewReader("{}"), &closed}, Request: r}, nil
				}), nil
			}
			lb := newTransport(t, cfg)
			assert.Panics(t, func() { _, _, _ = send(t.Context(), t, lb) })
			assert.True(t, closed.Load(), "the answer's body")
		})
	}
}

// A half-open account answers its probe with a stream that says nothing but that it
// has failed.
func TestAProbeThatFailsInsideItsStreamHealsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := each([]balancer.Account{account("main")}, playing(role, failing))
		cfg.Policy = health.Policy{Failures: 3, Rest: time.Minute, Jitter: -1, SlowStart: -1}
		cfg.NoLastResort, cfg.MaxAttempts = true, 1
		lb := newTransport(t, cfg)
		state := func() string {
			s, err := lb.Snapshot(t.Context())
			require.NoError(t, err)
			return s.Accounts[0].State
		}
		for range 3 {
			_, _, err := do(lb, streamed(t.Context(), t))
			require.NoError(t, err)
		}
		require.Equal(t, "open", state())
		time.Sleep(time.Minute + time.Second)
		_, _, err := do(lb, streamed(t.Context(), t)) // the probe
		require.NoError(t, err)
		assert.Equal(t, "open", state(), "the probe has failed as all before")
	})
}

// A provider is half-open; the request that has its probe fails for its account's fault.
func TestAProvidersProbeIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := health.NewMemory(health.MemoryConfig{})
		past := time.Now().UTC()
		subject := health.Subject{Kind: health.KindProvider, Name: provider.OpenAI.Name + " https://api.openai.com"}
		_, err := store.Update(t.Context(), subject, func(health.State) health.State {
			return health.State{ProbeDue: true, Cause: health.CauseFailure, Rests: 1, RestUntil: past.Add(time.Second), Since: past, Version: 1}
		})
		require.NoError(t, err)
		fake := providertest.OpenAI(providertest.Config{})
		fake.ScriptFor("key-first", providertest.ServerError())
		cfg := over(fake, twoAccounts()...)
		cfg.Health = store
		lb := newTransport(t, cfg)
		time.Sleep(2 * time.Second)
		status, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status, "the other account answers")
		_, _, err = send(t.Context(), t, lb)
		assert.NoError(t, err)
	})
}

// An error answer has come, and its body is slow, when FirstByteTimeout is over.
func TestASlowErrorBodyIsNoBusyLoop(t *testing.T) {
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(600 * time.Millisecond):
		}
	})
	store := &counting{Store: quota.NewMemory(quota.MemoryConfig{})}
	cfg := each([]balancer.Account{account("first", priority(1)), account("second", priority(2), limits(quota.Limit{Unit: quota.InFlight, Max: 10}))}, slow, playing(word, done))
	cfg.Quota, cfg.FirstByteTimeout = store, 50*time.Millisecond
	lb := newTransport(t, cfg)
	_, _, err := do(lb, streamed(t.Context(), t))
	require.NoError(t, err)
	assert.Less(t, store.n.Load(), int64(10), "second was taken and given back again and again")
}

// Hold.Total is used up; an answer in one piece is held all the same.
func TestHoldTotalCountsAnswersInOnePiece(t *testing.T) {
	var held atomic.Int64
	body := `{"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"` + strings.Repeat("a", 32<<10) + `"}}]}`
	cfg := over(nil, twoAccounts()...)
	var lb *balancer.Transport
	cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
		return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			text := strings.NewReader(body)
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(body)),
				Body: io.NopCloser(reader(func(p []byte) (int, error) {
					held.Store(max(held.Load(), balancer.HeldBytes(lb)))
					return text.Read(p)
				})), Request: r}, nil
		}), nil
	}
	lb = newTransport(t, cfg)
	resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Positive(t, held.Load(), "32 KiB were read ahead, and count")
}

type reader func([]byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

// An answer in one piece of known length stops in the middle: "whole within 64 KiB and
// a second", and Config.Deadline.
func TestAnAnswerInOnePieceIsHeldForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stalls := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"id":`)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
			}
			panic(http.ErrAbortHandler)
		})
		cfg := each(twoAccounts(), stalls, stalls)
		cfg.Deadline = 5 * time.Second
		lb := newTransport(t, cfg)
		start := time.Now()
		resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, chat))
		if err == nil {
			defer resp.Body.Close()
		}
		assert.LessOrEqual(t, time.Since(start), 6*time.Second, "RoundTrip returns: the answer's head, or that the deadline has come")
	})
}

// A Picker is asked by requests that have a session too, at least for the first.
func TestPickersAreHeededWhereThereAreSessions(t *testing.T) {
	for name, picker := range map[string]balancer.Picker{
		"in order": balancer.InOrder{},
		"own": balancer.PickerFunc(func(_ context.Context, _ *balancer.Request, from balancer.Candidates) int {
			for i := range from.Len() {
				if from.At(i).Name == "first" {
					return i
				}
			}
			return -1
		}),
	} {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			cfg := over(fake, account("first"), account("second"), account("third"))
			cfg.Picker = picker
			lb := newTransport(t, cfg)
			for i := range 20 {
				_, _, err := send(balancer.WithHint(t.Context(), balancer.Hint{Session: fmt.Sprint(i)}), t, lb)
				require.NoError(t, err)
			}
			assert.Equal(t, 20, fake.CountFor("key-first"))
		})
	}
}

// One request that is forbidden everywhere must not take the model from everybody.
func TestOneRisky403DoesNotEmptyThePool(t *testing.T) {
	forbidden := providertest.Status(http.StatusForbidden, http.Header{"Content-Type": {"application/json"}},
		`{"error":{"message":"This request was blocked.","type":"forbidden","param":null,"code":null}}`)
	fake := providertest.OpenAI(providertest.Config{})
	fake.Script(forbidden, forbidden, forbidden)
	lb := newTransport(t, over(fake, account("first"), account("second"), account("third")))
	status, _, err := send(t.Context(), t, lb)
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, status)
	status, _, err = send(t.Context(), t, lb)
	require.NoError(t, err, "the next request, of another caller")
	assert.Equal(t, http.StatusOK, status)
}

// A provider's Describe panics: the caller's body is closed, as RoundTrippers promise.
func TestAPanicInDescribeClosesTheRequest(t *testing.T) {
	p, api := *provider.OpenAI, *provider.OpenAI.API
	api.Describe = func(*http.Request, []byte) provider.Operation { panic("on purpose") }
	p.API = &api
	lb := newTransport(t, instantly(account("main", func(a *balancer.Account) { a.Provider = &p })))
	var closed atomic.Bool
	r := newRequest(t.Context(), t, http.MethodPost, chatURL, chat)
	r.Body = tellsClose{strings.NewReader(chat), &closed}
	assert.Panics(t, func() { _, _, _ = do(lb, r) })
	assert.True(t, closed.Load())
}

// All accounts have failed for this very request, and rest now: the error says until when.
func TestRetryAtKnowsOfTheAccountsThatWereTried(t *testing.T) {
	cfg := over(nil, twoAccounts()...)
	cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
		return transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			return nil, &transport.Error{Phase: transport.PhaseWait, Sent: transport.SentYes, Err: errBroken}
		}), nil
	}
	cfg.Policy = health.Policy{Failures: 1, Rest: time.Minute}
	lb := newTransport(t, cfg)
	_, _, err := send(t.Context(), t, lb)
	var failure *balancer.Error
	require.ErrorAs(t, err, &failure)
	require.Len(t, failure.Attempts, 2)
	assert.False(t, failure.RetryAt.IsZero(), "both rest for a minute")
}

// A way that has just recovered is given more and more, as an account is.
func TestAWayThatHasRecoveredStartsSlowly(t *testing.T) {
	store := health.NewMemory(health.MemoryConfig{})
	now := time.Now().UTC().Round(0)
	_, err := store.Update(t.Context(), health.Subject{Kind: health.KindRoute, Name: "account first https://api.openai.com"}, func(health.State) health.State {
		return health.State{Since: now, Recovered: now, Version: 1}
	})
	require.NoError(t, err)
	fake := providertest.OpenAI(providertest.Config{})
	cfg := over(fake, account("first"), account("second"))
	cfg.Picker, cfg.Health = balancer.RoundRobin{}, store
	lb := newTransport(t, cfg)
	for range 100 {
		_, _, err := send(t.Context(), t, lb)
		require.NoError(t, err)
	}
	assert.Less(t, fake.CountFor("key-first"), 30, "health.Policy.Share is 0.1, the smallest of its subjects")
}

// untilClosed is a body that its Close ends, and nothing else.
type untilClosed struct {
	once sync.Once
	done chan struct{}
}

func (b *untilClosed) Read([]byte) (int, error) { <-b.done; return 0, errBroken }
func (b *untilClosed) Close() error             { b.once.Do(func() { close(b.done) }); return nil }

// A layer wraps the body, so that the context alone does not end a Read.
func TestASilentBodyIsClosedWhenItsAccountIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := each(twoAccounts(), nil, playing(word, done))
		inner := cfg.RoundTripper
		cfg.RoundTripper = func(a balancer.Account) (http.RoundTripper, error) {
			if a.Name != "first" {
				return inner(a)
			}
			return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, ContentLength: -1,
					Body: &untilClosed{done: make(chan struct{})}, Request: r}, nil
			}), nil
		}
		cfg.FirstByteTimeout = 10 * time.Second
		lb := newTransport(t, cfg)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, _, err := do(lb, streamed(ctx, t))
		assert.NoError(t, err)
		assert.Less(t, time.Since(start), 15*time.Second)
	})
}
