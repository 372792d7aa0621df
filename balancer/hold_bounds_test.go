package balancer_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

const (
	role    = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
	word    = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n"
	ping    = ": ping\n\n"
	failing = "data: {\"error\":{\"message\":\"The server had an error.\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n"
	done    = "data: [DONE]\n\n"
)

// playing answers with a stream: text is written, a duration waited for, an error
// breaks the answer off.
func playing(script ...any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		for _, s := range script {
			switch s := s.(type) {
			case string:
				if _, err := io.WriteString(w, s); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
			case time.Duration:
				select {
				case <-r.Context().Done():
					panic(http.ErrAbortHandler)
				case <-time.After(s):
				}
			case error:
				panic(http.ErrAbortHandler)
			}
		}
	})
}

// each leads accounts to handlers of their own.
func each(accounts []balancer.Account, handlers ...http.Handler) balancer.Config {
	cfg := over(nil, accounts...)
	cfg.RoundTripper = func(a balancer.Account) (http.RoundTripper, error) {
		for i := range accounts {
			if accounts[i].Name == a.Name {
				return inMemory{handlers[i]}, nil
			}
		}
		return nil, errBroken
	}
	return cfg
}

// readTimes reads a body and tells when its parts came.
func readTimes(start time.Time, body io.Reader) (text string, at []time.Duration, err error) {
	var b strings.Builder
	part := make([]byte, 1<<20)
	for {
		n, err := body.Read(part)
		if n > 0 {
			b.Write(part[:n])
			at = append(at, time.Since(start))
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return b.String(), at, err
		}
	}
}

// If nobody does better, the caller gets what was held, byte for byte.
func TestHeldStreamIsHandedOnWhole(t *testing.T) {
	long := strings.Repeat(ping, 2000) // several reads
	tests := map[string]struct {
		second http.Handler
		want   string
	}{
		"the other one cannot be reached":   {nil, role + long + failing + done},
		"the other one fails alike":         {playing(role, failing), role + failing},
		"the other one breaks off":          {playing(role, errBroken), role},
		"the other one does better":         {playing(role, word, done), role + word + done},
		"the other one fails after content": {playing(role, word, failing), role + word + failing},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := each(twoAccounts(), playing(role, long, time.Second, failing, done), tt.second)
				if tt.second == nil {
					inner := cfg.RoundTripper
					cfg.RoundTripper = func(a balancer.Account) (http.RoundTripper, error) {
						if a.Name == "second" {
							return refusing, nil
						}
						return inner(a)
					}
				}
				cfg.NoStreamUsage = true
				lb := newTransport(t, cfg)
				resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, plainStream))
				require.NoError(t, err)
				assert.Equal(t, http.StatusOK, resp.StatusCode)
				assert.Empty(t, resp.Header.Get("X-Should-Retry"))
				got, err := io.ReadAll(resp.Body)
				if name == "the other one breaks off" {
					require.ErrorIs(t, err, io.ErrUnexpectedEOF)
				} else {
					require.NoError(t, err)
				}
				require.NoError(t, resp.Body.Close())
				require.Equal(t, tt.want, string(got))
			})
		})
	}
}

// Bytes come once and in order, however they come, and the meter sees each once.
func TestHeldBytesComeOnceAndInOrder(t *testing.T) {
	const usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":12}}\n\n"
	text := role + strings.Repeat(ping, 3000) + strings.Repeat(word, 1000) + usage + done
	for _, size := range []int{1, 7, 100, 4096, 4097, 1 << 20} {
		synctest.Test(t, func(t *testing.T) {
			var script []any
			for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
				script = append(script, rest[:min(size, len(rest))])
			}
			cfg := each(twoAccounts(), playing(script...), nil)
			cfg.NoStreamUsage = true
			lb := newTransport(t, cfg)
			ctx, trail := balancer.WithTrail(t.Context())
			_, got, err := do(lb, newRequest(ctx, t, http.MethodPost, chatURL, plainStream))
			require.NoError(t, err)
			require.True(t, got == text, "pieces of %d bytes", size)
			a := trail.Attempts()
			require.Len(t, a, 1)
			require.EqualValues(t, 40, a[0].Usage.Input)
			require.EqualValues(t, 12, a[0].Usage.Output)
		})
	}
}

// What a failed answer said that it used is booked.
func TestUsageOfAHeldFailureIsBooked(t *testing.T) {
	a := apis["messages"]
	fake := a.fake(providertest.Config{InputTokens: 500})
	fake.ScriptFor("key-first", providertest.FailInStream(1, providertest.Overloaded()))
	accounts := a.two()
	accounts[0].Limits = []quota.Limit{{Unit: quota.InputTokens, Max: 400, Window: quota.Rolling(time.Hour)}}
	lb := newTransport(t, over(fake, accounts...))
	ctx, trail := balancer.WithTrail(t.Context())
	for range 2 {
		_, body, err := do(lb, a.request(ctx, t, true))
		require.NoError(t, err)
		require.Contains(t, body, "Hello")
	}
	assert.Equal(t, []string{"first", "second", "second"}, keysSeen(fake), "the failure has used up the first one's tokens")
	assert.EqualValues(t, 500, trail.Attempts()[0].Usage.Input)
	assert.False(t, trail.Attempts()[0].Usage.Complete)
}

// The bounds of a hold. The first account shows no content; wait is when the caller
// gets the answer, and times is when its pieces come.
func TestBoundsOfAHold(t *testing.T) {
	tests := map[string]struct {
		change func(*balancer.Config)
		script []any
		wait   time.Duration
		times  []time.Duration
	}{
		"time, from the first byte": {
			nil, []any{20 * time.Second, role, 60 * time.Second, word, time.Second, done},
			35 * time.Second, []time.Duration{35 * time.Second, 80 * time.Second, 81 * time.Second},
		},
		"pings change nothing": {
			nil, []any{ping, 10 * time.Second, ping, 10 * time.Second, word, time.Second, done},
			15 * time.Second, []time.Duration{15 * time.Second, 20 * time.Second, 21 * time.Second},
		},
		"a time of one's own": {
			func(c *balancer.Config) { c.Hold.Time = 2 * time.Second }, []any{role, 60 * time.Second, word, done},
			2 * time.Second, []time.Duration{2 * time.Second, 60 * time.Second},
		},
		"from the headers, without a limit for the first byte": {
			func(c *balancer.Config) { c.FirstByteTimeout = -1 }, []any{60 * time.Second, word, done},
			15 * time.Second, []time.Duration{60 * time.Second},
		},
		"content": {
			nil, []any{role, 3 * time.Second, word, time.Second, word, time.Second, done},
			3 * time.Second, []time.Duration{3 * time.Second, 4 * time.Second, 5 * time.Second},
		},
		"bytes": {
			func(c *balancer.Config) { c.Hold.Bytes = 1000 }, []any{strings.Repeat(ping, 200), 60 * time.Second, word, done},
			0, []time.Duration{0, 0, 60 * time.Second},
		},
		"all bytes": {
			func(c *balancer.Config) { c.Hold.Total = 6000 }, []any{strings.Repeat(ping, 400), 60 * time.Second, word, done},
			0, []time.Duration{0, 60 * time.Second},
		},
		"nothing is held": {
			func(c *balancer.Config) { c.Hold.Time = -1 }, []any{role, 60 * time.Second, word, done},
			0, []time.Duration{0, 60 * time.Second},
		},
		"nothing is held, headers alone are not enough": {
			func(c *balancer.Config) { c.Hold.Bytes = -1 }, []any{5 * time.Second, role, 60 * time.Second, word, done},
			5 * time.Second, []time.Duration{5 * time.Second, 65 * time.Second},
		},
		"nobody could follow": {
			func(c *balancer.Config) { c.MaxAttempts = 1 }, []any{5 * time.Second, role, 60 * time.Second, word, done},
			0, []time.Duration{5 * time.Second, 65 * time.Second},
		},
		"the deadline": {
			func(c *balancer.Config) { c.Deadline = 5 * time.Second }, []any{role, 60 * time.Second, word, done},
			5 * time.Second, []time.Duration{5 * time.Second, 60 * time.Second},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := each(twoAccounts(), playing(tt.script...), playing(word, done))
				if tt.change != nil {
					tt.change(&cfg)
				}
				cfg.NoStreamUsage = true
				lb := newTransport(t, cfg)
				start := time.Now()
				resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, plainStream))
				require.NoError(t, err)
				defer resp.Body.Close()
				assert.Equal(t, tt.wait, time.Since(start))
				text, times, err := readTimes(start, resp.Body)
				require.NoError(t, err)
				var want strings.Builder
				for _, s := range tt.script {
					if s, ok := s.(string); ok {
						want.WriteString(s)
					}
				}
				assert.Equal(t, want.String(), text)
				assert.Equal(t, slices.Compact(tt.times), slices.Compact(times), "a moment may take several reads")
			})
		})
	}
}

// What is held of all answers is given back: at the end, when it has been read, and
// when the caller leaves it.
func TestHeldBytesAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := each(twoAccounts(), playing(strings.Repeat(ping, 100), time.Second, failing), playing(ping, time.Second, word, word, done))
		cfg.Hold.Total = 10 << 10
		cfg.RetryBudget.Min = 1000
		cfg.Policy.Failures = -1
		lb := newTransport(t, cfg)
		for i := range 50 {
			resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, plainStream))
			require.NoError(t, err)
			if i%2 == 0 {
				text, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.NotContains(t, string(text), "error", "request %d was not held", i)
			}
			require.NoError(t, resp.Body.Close())
		}
		assert.Zero(t, balancer.HeldBytes(lb))
	})
}

// They are given back once they have been read, and not with the end of the stream.
func TestHeldBytesAreGivenBackWhenRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lb := newTransport(t, each(twoAccounts(), playing(role, word, time.Hour), nil))
		resp, err := lb.RoundTrip(streamed(t.Context(), t))
		require.NoError(t, err)
		require.Positive(t, balancer.HeldBytes(lb))
		_, err = io.ReadFull(resp.Body, make([]byte, len(role+word)))
		require.NoError(t, err)
		require.Zero(t, balancer.HeldBytes(lb))
		require.NoError(t, resp.Body.Close())
	})
}

// A caller who leaves what was held and released ends it upstream.
func TestClosingAStreamThatWasReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gone atomic.Bool
		silent := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { gone.Store(r.Context().Err() != nil) }()
			playing(role, time.Hour).ServeHTTP(w, r)
		})
		lb := newTransport(t, each(twoAccounts(), silent, nil))
		resp, err := lb.RoundTrip(streamed(t.Context(), t))
		require.NoError(t, err)
		reading := make(chan error)
		go func() {
			_, err := io.ReadAll(resp.Body)
			reading <- err
		}()
		synctest.Wait()
		require.NoError(t, resp.Body.Close())
		require.Error(t, <-reading)
		synctest.Wait()
		assert.True(t, gone.Load())
		assert.Zero(t, balancer.HeldBytes(lb))
		s, err := lb.Snapshot(t.Context())
		require.NoError(t, err)
		assert.Zero(t, s.Accounts[0].InFlight)
	})
}

// Answers that are no streams are passed on as they come.
func TestWhatIsNotHeld(t *testing.T) {
	tests := map[string]struct {
		kind string
		body string
		wait time.Duration
	}{
		"a sound":                   {"audio/mpeg", chat, 0},
		"text":                      {"text/plain", chat, 0},
		"JSON that is not whole":    {"application/json", chat, time.Second},
		"a sound that was streamed": {"audio/mpeg", streamedChat, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", tt.kind)
					_, _ = io.WriteString(w, "{")
					time.Sleep(5 * time.Second)
					_, _ = io.WriteString(w, "}")
				})
				lb := newTransport(t, each(twoAccounts(), upstream, nil))
				start := time.Now()
				resp, err := lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, tt.body))
				require.NoError(t, err)
				assert.Equal(t, tt.wait, time.Since(start))
				_, err = io.ReadAll(resp.Body)
				require.NoError(t, err)
				assert.Equal(t, 5*time.Second, time.Since(start))
				require.NoError(t, resp.Body.Close())
			})
		})
	}
}

// A layer that panics while an answer is held does so where a caller can recover.
func TestHeldBodyThatPanics(t *testing.T) {
	for _, body := range []string{chat, streamedChat} {
		cfg := over(nil, twoAccounts()...)
		closed := false
		cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
			return transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
				kind := map[bool]string{true: "text/event-stream", false: "application/json"}[body == streamedChat]
				return &http.Response{
					StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {kind}}, ContentLength: -1,
					Body: noting{io.MultiReader(strings.NewReader(ping), panicking{}), &closed},
				}, nil
			}), nil
		}
		lb := newTransport(t, cfg)
		require.PanicsWithValue(t, "on purpose", func() {
			_, _ = lb.RoundTrip(newRequest(t.Context(), t, http.MethodPost, chatURL, body))
		})
		assert.True(t, closed)
		s, err := lb.Snapshot(t.Context())
		require.NoError(t, err)
		assert.Zero(t, s.Accounts[0].InFlight)
	}
}

type noting struct {
	io.Reader
	closed *bool
}

func (n noting) Close() error { *n.closed = true; return nil }

// A panic of a layer in the goroutine of an attempt comes up where the request is
// served.
func TestLayerThatPanicsWhileStreaming(t *testing.T) {
	cfg := over(nil, twoAccounts()...)
	cfg.Attempt = []transport.Middleware{func(http.RoundTripper) http.RoundTripper {
		return transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) { panic("on purpose") })
	}}
	lb := newTransport(t, cfg)
	require.PanicsWithValue(t, "on purpose", func() { _, _ = lb.RoundTrip(streamed(t.Context(), t)) })
	s, err := lb.Snapshot(t.Context())
	require.NoError(t, err)
	assert.Zero(t, s.Accounts[0].InFlight)
	require.NoError(t, lb.Shutdown(t.Context()))
}

// Each answer that is not used is closed, once it was drained.
func TestDiscardedAnswersAreClosed(t *testing.T) {
	var opened, closed atomic.Int64
	counting := func(next http.RoundTripper) http.RoundTripper {
		return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err == nil {
				opened.Add(1)
				resp.Body = &closing{ReadCloser: resp.Body, n: &closed}
			}
			return resp, err
		})
	}
	a := apis["messages"]
	fake := a.fake(providertest.Config{})
	fake.AlwaysFor("key-a", providertest.ServerError())
	fake.AlwaysFor("key-b", providertest.FailInStream(1, providertest.Overloaded()))
	fake.AlwaysFor("key-c", providertest.RateLimited(time.Second))
	accounts := []balancer.Account{account("a"), account("b"), account("c"), account("d")}
	for i := range accounts {
		accounts[i].Provider, accounts[i].Priority = provider.Anthropic, i
	}
	cfg := over(fake, accounts...)
	cfg.MaxAttempts, cfg.Attempt = 4, []transport.Middleware{counting}
	lb := newTransport(t, cfg)
	_, body, err := do(lb, a.request(t.Context(), t, true))
	require.NoError(t, err)
	require.Contains(t, body, "Hello")
	assert.EqualValues(t, 4, opened.Load())
	assert.EqualValues(t, 4, closed.Load())
}

type closing struct {
	io.ReadCloser
	n    *atomic.Int64
	once atomic.Bool
}

func (c *closing) Close() error {
	if c.once.CompareAndSwap(false, true) {
		c.n.Add(1)
	}
	return c.ReadCloser.Close()
}

// An answer in one piece that is too long for an error comes whole and at once.
func TestLongJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := `{"choices":[{"message":{"content":"` + strings.Repeat("x", 200<<10) + `"}}]}`
		for _, length := range []string{"", strconv.Itoa(len(long))} {
			upstream := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if length != "" {
					w.Header().Set("Content-Length", length)
				}
				_, _ = io.WriteString(w, long)
			})
			lb := newTransport(t, each(twoAccounts(), upstream, nil))
			start := time.Now()
			_, body, err := send(t.Context(), t, lb)
			require.NoError(t, err)
			require.True(t, body == long)
			require.Zero(t, time.Since(start))
			require.Zero(t, balancer.HeldBytes(lb))
		}
	})
}

// A short answer in one piece of a known length is read whole before it is passed on,
// however long that takes; unless the caller goes.
func TestShortJSONOfAKnownLength(t *testing.T) {
	const good, bad = `{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`, `{"error":{"message":"The server had an error.","type":"server_error"}}`
	slow := func(text string, cut int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(text)))
			_, _ = io.WriteString(w, text[:20])
			select {
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			case <-time.After(5 * time.Second):
			}
			_, _ = io.WriteString(w, text[20:len(text)-cut])
		})
	}
	tests := map[string]struct {
		first  http.Handler
		change func(*balancer.Config)
		calls  int
	}{
		"good":                     {slow(good, 0), nil, 1},
		"an error":                 {slow(bad, 0), nil, 2},
		"cut":                      {slow(good, 1), nil, 2},
		"beside another":           {slow(bad, 0), func(c *balancer.Config) { c.Hedge.After = time.Hour }, 2},
		"the deadline comes first": {slow(good, 0), func(c *balancer.Config) { c.Deadline = time.Second }, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := each(twoAccounts(), tt.first, whole(0, "Hi"))
				if tt.change != nil {
					tt.change(&cfg)
				}
				lb := newTransport(t, cfg)
				ctx, trail := balancer.WithTrail(t.Context())
				status, body, err := send(ctx, t, lb)
				require.NoError(t, err)
				require.Equal(t, 200, status)
				require.Contains(t, body, `"Hi"`)
				require.Len(t, trail.Attempts(), tt.calls)
				require.Zero(t, balancer.HeldBytes(lb))
			})
		})
	}
	t.Run("the caller goes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			lb := newTransport(t, each(twoAccounts(), slow(good, 0), nil))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			start := time.Now()
			_, _, err := send(ctx, t, lb)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, 2*time.Second, time.Since(start))
			require.Zero(t, balancer.HeldBytes(lb))
		})
	})
}
