//go:build unix

package server_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
)

const callers = 32

// upstreamAnswer is what a provider says, about as long as answers are.
var upstreamAnswer = `{"id":"chatcmpl-1","object":"chat.completion","created":1790000000,"model":"gpt-5","choices":[{"index":0,"message":{"role":"assistant","content":"` +
	strings.Repeat("Hello there. ", 60) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":180,"total_tokens":191}}`

// upstream is a server that answers at once, in one piece or as a stream.
func upstream(b *testing.B) *httptest.Server {
	b.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), `"stream":true`) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(upstreamAnswer)))
			_, _ = io.WriteString(w, upstreamAnswer)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for range 10 {
			_, _ = io.WriteString(w, `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-5","choices":[{"index":0,"delta":{"content":"Hello there."}}]}`+"\n\n")
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.WriteString(w, `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-5","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":180,"total_tokens":191}}`+"\n\ndata: [DONE]\n\n")
	}))
	b.Cleanup(srv.Close)
	return srv
}

// reverseProxy is what a gateway is held against: net/http's own, with nothing on it.
func reverseProxy(b *testing.B, to string) http.Handler {
	b.Helper()
	target, err := url.Parse(to)
	require.NoError(b, err)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = callers
	b.Cleanup(transport.CloseIdleConnections)
	return &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
}

// gateway is one with two accounts, keys, quotas and logging.
func gateway(b *testing.B, to string, change ...func(*server.Config)) http.Handler {
	b.Helper()
	at := func(a *resource.Account) { a.BaseURL = to + "/v1" }
	cfg := server.Config{
		Store: &discard{}, Accounts: []resource.Account{account("one", "openai", at), account("two", "openai", at)},
		Keys: []resource.Key{key(secret, func(k *resource.Key) {
			k.RequestsPerMinute, k.InFlight, k.PriceRate = 1e9, 1000, 1.2
			k.Quotas = []resource.Quota{{Window: "5h", USD: 1e6}, {Window: "day", USD: 1e6, Tokens: 1e12}, {Window: "month", USD: 1e6}}
		})},
		Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)),
	}
	for _, f := range change {
		f(&cfg)
	}
	s, err := server.New(b.Context(), cfg)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	return s
}

// discard is a Store that keeps nothing.
type discard struct{ memory }

func (*discard) Record(resource.Request) {}

// BenchmarkBesideAReverseProxy sends the same requests through net/http's reverse proxy
// and through the gateway, 32 at a time, over loopback.
func BenchmarkBesideAReverseProxy(b *testing.B) {
	for _, body := range []struct{ name, text string }{{"json", chatBody}, {"stream", chatStream}} {
		for _, front := range []struct {
			name string
			make func(*testing.B, string) http.Handler
		}{{"reverseproxy", reverseProxy}, {"gateway", func(b *testing.B, to string) http.Handler { return gateway(b, to) }}} {
			b.Run(body.name+"/"+front.name, func(b *testing.B) {
				srv := httptest.NewServer(front.make(b, upstream(b).URL))
				b.Cleanup(srv.Close)
				transport := &http.Transport{MaxIdleConnsPerHost: callers}
				b.Cleanup(transport.CloseIdleConnections)
				b.SetParallelism(callers / runtime.GOMAXPROCS(0))
				b.ReportAllocs()
				before := used(b)
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						oneCall(b, transport, srv.URL, body.text)
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
				b.ReportMetric(float64((used(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
			})
		}
	}
}

// used is how long the processors have worked for this program: of the client, the front and
// the provider together. Unlike the time that passes it does not know who else is busy.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func oneCall(b *testing.B, t http.RoundTripper, to, body string) {
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, to+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.RoundTrip(req)
	if err != nil {
		b.Error(err)
		return
	}
	n, err := io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || n < 100 {
		b.Error(resp.Status, n, err)
	}
}

// BenchmarkRequest is a request's way through the gateway without any network.
func BenchmarkRequest(b *testing.B) {
	answer := []byte(upstreamAnswer)
	s := gateway(b, "http://127.0.0.1:1", func(c *server.Config) {
		c.RoundTripper = func(balancerAccount) (http.RoundTripper, error) {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				_ = r.Body.Close()
				return &http.Response{
					StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(answer))}},
					ContentLength: int64(len(answer)), Body: io.NopCloser(bytes.NewReader(answer)), Request: r,
				}, nil
			}), nil
		}
	})
	body := []byte(chatBody)
	b.ReportAllocs()
	for b.Loop() {
		r, _ := http.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/chat/completions", bytes.NewReader(body))
		r.Header = http.Header{"Authorization": {"Bearer " + secret}, "Content-Type": {"application/json"}, "User-Agent": {"bench"}, "Accept": {"*/*"}}
		w := blackHole{}
		s.ServeHTTP(w, r)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// blackHole is a writer that keeps nothing.
type blackHole http.Header

func (b blackHole) Header() http.Header       { return http.Header(b) }
func (blackHole) Write(p []byte) (int, error) { return len(p), nil }
func (blackHole) WriteHeader(int)             {}
