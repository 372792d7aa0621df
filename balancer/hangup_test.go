package balancer_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// watched tells of each request when it was ended upstream.
type watched struct {
	http.Handler
	ended chan time.Time
}

func (w watched) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	defer func() {
		<-r.Context().Done()
		w.ended <- time.Now()
	}()
	w.Handler.ServeHTTP(rw, r)
}

// hangUps are the states of a request in which its caller may go. Each has run for
// three seconds by then.
var hangUps = map[string]struct {
	body   string
	script http.Handler
	change func(*balancer.Config)
	open   int // requests upstream
}{
	"no headers":         {chat, whole(time.Hour, "one"), nil, 1},
	"no headers, stream": {streamedChat, whole(time.Hour, "one"), nil, 1},
	"headers alone":      {streamedChat, playing(time.Hour), nil, 1},
	"held":               {streamedChat, playing(role, time.Hour), nil, 1},
	"held, pings":        {streamedChat, playing(role, time.Second, ping, time.Second, ping, time.Hour), nil, 1},
	"hedging":            {chat, whole(time.Hour, "one"), func(c *balancer.Config) { c.Hedge.After = time.Second }, 2},
	"hedging, held":      {streamedChat, playing(role, time.Hour), func(c *balancer.Config) { c.Hedge.After = time.Second }, 2},
	"an error trickles":  {chat, trickling(500, 1<<30), nil, 1},
	"streaming":          {streamedChat, playing(word, time.Hour), nil, 1},
	"released":           {streamedChat, playing(role, time.Hour), func(c *balancer.Config) { c.Hold.Time = time.Second }, 1},
	"a deadline is set":  {streamedChat, playing(role, time.Hour), func(c *balancer.Config) { c.Deadline = time.Minute }, 1},
}

// A caller who goes ends its request upstream at once, whatever the request's state,
// and nobody is blamed.
func TestHangingUp(t *testing.T) {
	for name, tt := range hangUps {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				up := watched{tt.script, make(chan time.Time, 4)}
				cfg := each(twoAccounts(), up, up)
				if tt.change != nil {
					tt.change(&cfg)
				}
				lb := newTransport(t, cfg)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(3*time.Second, cancel)
				start := time.Now()
				resp, err := lb.RoundTrip(newRequest(ctx, t, http.MethodPost, chatURL, tt.body))
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					_ = resp.Body.Close()
				}
				require.ErrorIs(t, err, context.Canceled)
				require.Equal(t, 3*time.Second, time.Since(start))
				synctest.Wait()
				require.Len(t, up.ended, tt.open)
				for range tt.open {
					require.Equal(t, 3*time.Second, (<-up.ended).Sub(start))
				}
				s, err := lb.Snapshot(t.Context())
				require.NoError(t, err)
				for _, a := range s.Accounts {
					require.Zero(t, a.InFlight)
					require.Equal(t, "closed", a.State)
				}
				require.Zero(t, balancer.HeldBytes(lb))
				require.NoError(t, lb.Shutdown(t.Context()))
			})
		})
	}
}

// What is held ends with its caller also where the body does not know of the context.
func TestHangingUpOnABodyThatDoesNotListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		cfg := over(nil, twoAccounts()...)
		cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
			return transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: r, ContentLength: -1}, nil
			}), nil
		}
		lb := newTransport(t, cfg)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := do(lb, streamed(ctx, t))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = io.WriteString(w, ping)
		require.ErrorIs(t, err, io.ErrClosedPipe)
		require.NoError(t, lb.Shutdown(t.Context()))
	})
}

// The same over a real network: within 10 ms on a machine that has time, and here
// within what a busy one needs.
func TestHangingUpOverANetwork(t *testing.T) {
	const bound = 500 * time.Millisecond
	for _, script := range []http.Handler{whole(time.Hour, "one"), playing(time.Hour), playing(role, time.Hour), playing(word, time.Hour)} {
		up := watched{script, make(chan time.Time, 1)}
		begun := make(chan struct{}, 1)
		cfg, server := overNetwork(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // net/http watches the connection from then on
			begun <- struct{}{}
			up.ServeHTTP(w, r)
		}))
		lb := newTransport(t, cfg)
		ctx, cancel := context.WithCancel(t.Context())
		var went time.Time
		go func() {
			<-begun
			time.Sleep(20 * time.Millisecond)
			went = time.Now()
			cancel()
		}()
		resp, err := lb.RoundTrip(streamed(ctx, t))
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		require.ErrorIs(t, err, context.Canceled)
		took := (<-up.ended).Sub(went)
		t.Logf("ended upstream after %v", took)
		require.Less(t, took, bound)
		require.NoError(t, lb.Close())
		require.NoError(t, server.Wait(t.Context(), func(s transporttest.Stats) bool { return s.Open == 0 }))
	}
}

// Many requests, faults of all kinds, hedges and callers who go: each answer belongs
// whole to one account, and nothing is left over.
func TestServingUnderChaos(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults := []providertest.Step{
			providertest.ServerError(), providertest.RateLimited(time.Second), providertest.Hang(), providertest.CutStream(1),
			providertest.FailInStream(1, providertest.Overloaded()), providertest.EndStream(1), providertest.Trickle(time.Second),
			providertest.OK().After(3 * time.Second), providertest.Overloaded().In200(), providertest.OK().KeepAlive(3, 1, time.Second), providertest.ErrorInStream(3),
		}
		var accounts []balancer.Account
		var handlers []http.Handler
		var calls atomic.Int64
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			fake := providertest.OpenAI(providertest.Config{Text: "It was " + name + " and " + name + " only.", InputTokens: 10, OutputTokens: 5})
			accounts = append(accounts, account(name, func(a *balancer.Account) {
				a.Limits = []quota.Limit{{Unit: quota.InFlight, Max: 1000}}
			}))
			handlers = append(handlers, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				if rand.IntN(10) < 3 {
					fake.Script(faults[rand.IntN(len(faults))])
				}
				fake.ServeHTTP(w, r)
			}))
		}
		cfg := each(accounts, handlers...)
		cfg.Hedge.After, cfg.FirstByteTimeout, cfg.MaxWait = 2*time.Second, 5*time.Second, 10*time.Second
		var ended, answered atomic.Int64
		cfg.Hooks.Attempt = func(_ context.Context, a balancer.Attempt) {
			ended.Add(1)
			if a.Answered {
				answered.Add(1)
			}
		}
		lb := newTransport(t, cfg)
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				for range 20 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					if rand.IntN(20) == 0 {
						time.AfterFunc(time.Duration(rand.IntN(4000))*time.Millisecond, cancel)
					}
					body := chat
					if rand.IntN(2) == 0 {
						body = streamedChat
					}
					status, text, err := do(lb, newRequest(ctx, t, http.MethodPost, chatURL, body))
					if err == nil && status == http.StatusOK {
						owners := 0
						for _, a := range accounts {
							if containsWord(text, a.Name) {
								owners++
							}
						}
						assert.LessOrEqual(t, owners, 1, "%s", text)
					}
					cancel()
				}
			})
		}
		callers.Wait()
		require.NoError(t, lb.Shutdown(t.Context()))
		synctest.Wait()
		s, err := lb.Snapshot(t.Context())
		require.NoError(t, err)
		for _, a := range s.Accounts {
			assert.Zero(t, a.InFlight, a.Name)
		}
		assert.Zero(t, balancer.HeldBytes(lb))
		assert.Equal(t, calls.Load(), ended.Load(), "each attempt that was made has ended, once")
		assert.Positive(t, answered.Load())
	})
}

// containsWord tells whether an account's answer is in a text, streamed or not.
func containsWord(text, name string) bool {
	for i := range len(text) - 3 {
		if text[i] == ' ' && text[i+1] == name[0] && (text[i+2] == ' ' || text[i+2] == '"') {
			return true
		}
	}
	return false
}
