package balancer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// The benchmarks send one small chat completion, with the headers that openai-go
// sends, over a base that answers from memory: what is above BenchmarkBase is the
// balancer. The aims are at most 5 µs and 25 allocations above it with 10 accounts,
// at most 1.5 times that with 10,000, and 16 callers that scale with the cores.
// Times of a shared machine say little by themselves: BenchmarkAboveBase lets the
// base and what is measured take turns, and reports the median of the differences.

// benchBody is a request of 1 KiB.
var benchBody = func() []byte {
	const head, tail = `{"messages":[{"content":"`, `","role":"user"}],"model":"gpt-5","max_completion_tokens":64}`
	return []byte(head + strings.Repeat("x", 1024-len(head)-len(tail)) + tail)
}()

// benchHeader is what openai-go sends.
var benchHeader = http.Header{
	"Accept": {"application/json"}, "Authorization": {"Bearer the-callers"}, "Content-Type": {"application/json"},
	"User-Agent": {"OpenAI/Go 3.95.0"}, "X-Stainless-Arch": {"x64"}, "X-Stainless-Lang": {"go"}, "X-Stainless-Os": {"Linux"},
	"X-Stainless-Package-Version": {"3.95.0"}, "X-Stainless-Retry-Count": {"0"}, "X-Stainless-Runtime": {"go"},
	"X-Stainless-Runtime-Version": {"go1.26.8"},
}

// benchAnswer is what a chat completion looks like.
var benchAnswer = []byte(`{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion","created":1741569952,"model":"gpt-5-2025-08-07",` +
	`"choices":[{"index":0,"message":{"role":"assistant","content":"Hello! How can I assist you today?","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],` +
	`"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},` +
	`"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default"}`)

// memoryBase answers from memory.
var memoryBase = transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
	_ = r.Body.Close()
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(benchAnswer)),
		ContentLength: int64(len(benchAnswer)), Request: r,
	}, nil
})

// benchRequest is a request that can be sent by renewing its Body.
func benchRequest(tb testing.TB) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, chatURL, bytes.NewReader(benchBody))
	require.NoError(tb, err)
	r.Header = benchHeader.Clone()
	return r
}

// benchCall sends the request and reads the answer.
func benchCall(tb testing.TB, rt http.RoundTripper, r *http.Request) {
	r.Body = io.NopCloser(bytes.NewReader(benchBody))
	resp, err := rt.RoundTrip(r)
	if err != nil {
		tb.Error(err)
		return
	}
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != int64(len(benchAnswer)) {
		tb.Error(n, err)
	}
	_ = resp.Body.Close()
}

// benchBalancer has so many accounts, with limits that are never reached.
func benchBalancer(tb testing.TB, accounts int) *balancer.Transport {
	tb.Helper()
	cfg := balancer.Config{RoundTripper: func(balancer.Account) (http.RoundTripper, error) { return memoryBase, nil }}
	for i := range accounts {
		cfg.Accounts = append(cfg.Accounts, balancer.Account{
			Name: fmt.Sprintf("account-%05d", i), Provider: provider.OpenAI, Secret: fmt.Sprintf("key-%05d", i),
			Limits: []quota.Limit{
				{Unit: quota.InFlight, Max: 1000},
				{Unit: quota.Requests, Max: 1 << 40, Window: quota.Rolling(time.Minute)},
			},
		})
	}
	lb, err := balancer.New(cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = lb.Close() }) // returns nil
	return lb
}

func BenchmarkBase(b *testing.B) { benchmarkCalls(b, memoryBase) }

func BenchmarkNaive(b *testing.B) { benchmarkCalls(b, newNaive(b)) }

func BenchmarkBalancer(b *testing.B) {
	for _, accounts := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) { benchmarkCalls(b, benchBalancer(b, accounts)) })
	}
	b.Run("parallel", func(b *testing.B) {
		lb := benchBalancer(b, 10)
		b.SetParallelism(max(1, benchCallers/runtime.GOMAXPROCS(0)))
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			r := benchRequest(b)
			for pb.Next() {
				benchCall(b, lb, r)
			}
		})
	})
}

// benchCallers is how many call at the same time.
const benchCallers = 16

func benchmarkCalls(b *testing.B, rt http.RoundTripper) {
	b.Helper()
	r := benchRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		benchCall(b, rt, r)
	}
}

// BenchmarkAboveBase reports what a call takes above the bare base, in ns.
func BenchmarkAboveBase(b *testing.B) {
	b.Run("naive", func(b *testing.B) { benchmarkAbove(b, newNaive(b), 2000) })
	b.Run("accounts=10", func(b *testing.B) { benchmarkAbove(b, benchBalancer(b, 10), 2000) })
	b.Run("accounts=10000", func(b *testing.B) { benchmarkAbove(b, benchBalancer(b, 10_000), 20) })
}

func benchmarkAbove(b *testing.B, rt http.RoundTripper, calls int) {
	b.Helper()
	const turns = 10
	r := benchRequest(b)
	turn := func(rt http.RoundTripper) float64 {
		began := time.Now()
		for range calls {
			benchCall(b, rt, r)
		}
		return float64(time.Since(began)) / float64(calls)
	}
	var above []float64
	for b.Loop() {
		for range turns {
			base := turn(memoryBase)
			above = append(above, turn(rt)-base)
		}
	}
	slices.Sort(above)
	b.ReportMetric(above[len(above)/2], "above-ns")
	b.ReportMetric(0, "ns/op") // of all turns: it means nothing
}

// BenchmarkScaling reports how many times as much 16 callers get done as one.
func BenchmarkScaling(b *testing.B) {
	const calls, turns = 8000, 5
	rates := func(rt http.RoundTripper, callers int) float64 {
		var all sync.WaitGroup
		began := time.Now()
		for range callers {
			all.Go(func() {
				r := benchRequest(b)
				for range calls / callers {
					benchCall(b, rt, r)
				}
			})
		}
		all.Wait()
		return calls / time.Since(began).Seconds()
	}
	compare := func(rt http.RoundTripper) func(*testing.B) {
		return func(b *testing.B) {
			var ratios []float64
			for b.Loop() {
				for range turns {
					one := rates(rt, 1)
					ratios = append(ratios, rates(rt, benchCallers)/one)
				}
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "times")
			b.ReportMetric(0, "ns/op") // of all turns: it means nothing
		}
	}
	b.Run("base", compare(memoryBase))
	b.Run("accounts=10", compare(benchBalancer(b, 10)))
}

// naive is what one would write in an afternoon: round robin under a mutex, the body
// kept for another attempt, the model read with encoding/json. It knows no limits,
// no health and no usage.
type naive struct {
	base     http.RoundTripper
	accounts []*naiveAccount
	mu       sync.Mutex
	next     int
}

type naiveAccount struct {
	base     *url.URL
	secret   string
	inFlight int // guarded by the naive's mutex
}

func newNaive(tb testing.TB) *naive {
	tb.Helper()
	base, err := url.Parse(provider.OpenAI.BaseURL)
	require.NoError(tb, err)
	n := &naive{base: memoryBase}
	for i := range 10 {
		n.accounts = append(n.accounts, &naiveAccount{base: base, secret: fmt.Sprintf("key-%d", i)})
	}
	return n
}

func (n *naive) RoundTrip(in *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	if err := in.Body.Close(); err != nil {
		return nil, err
	}
	var asked struct {
		Model  string `json:"model"`
		Stream bool   `json:"stream"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, err
	}
	if asked.Model == "" {
		return nil, errBroken
	}
	for range 3 {
		a := n.take()
		ctx, cancel := context.WithCancel(in.Context())
		out := in.Clone(ctx)
		out.URL.Scheme, out.URL.Host, out.Host = a.base.Scheme, a.base.Host, a.base.Host
		out.Header.Set("Authorization", "Bearer "+a.secret)
		out.Body = io.NopCloser(bytes.NewReader(body))
		var resp *http.Response
		if resp, err = n.base.RoundTrip(out); err != nil || resp.StatusCode >= http.StatusInternalServerError {
			cancel()
			n.give(a)
			continue
		}
		resp.Body = &naiveBody{ReadCloser: resp.Body, end: sync.OnceFunc(func() { cancel(); n.give(a) })}
		return resp, nil
	}
	return nil, err
}

func (n *naive) take() *naiveAccount {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := n.accounts[n.next%len(n.accounts)]
	n.next++
	a.inFlight++
	return a
}

func (n *naive) give(a *naiveAccount) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a.inFlight--
}

type naiveBody struct {
	io.ReadCloser
	end func()
}

func (b *naiveBody) Close() error {
	b.end()
	return b.ReadCloser.Close()
}

// A request costs few allocations above those of the bare base.
func TestRequestAllocatesLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates: run without -race")
	}
	const most = 25 // with 10 accounts
	r := benchRequest(t)
	per := func(rt http.RoundTripper, runs int) float64 {
		return testing.AllocsPerRun(runs, func() { benchCall(t, rt, r) })
	}
	base := per(memoryBase, 500)
	above := per(benchBalancer(t, 10), 500) - base
	t.Logf("base %v, naive +%v, 10 accounts +%v", base, per(newNaive(t), 500)-base, above)
	assert.LessOrEqual(t, above, float64(most))
}
