package transport_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// BenchmarkOverhead sends the same small POST by a plain http.Transport and by ours,
// over loopback. The aim is at most 12 allocations more, and at most 1.15 times the
// time. Times of a shared machine say little by themselves: "ratio" lets the two take
// turns, ten each, and reports the median of ours/plain.
func BenchmarkOverhead(b *testing.B) {
	ca, err := transporttest.NewCA()
	if err != nil {
		b.Fatal(err)
	}
	for _, h2 := range []bool{false, true} {
		server, err := transporttest.NewServer(transporttest.ServerConfig{CA: ca, HTTP2: h2, Handler: http.HandlerFunc(parrot)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = server.Close() })
		for _, scheme := range []string{"direct", "http", "socks5"} {
			name := map[bool]string{false: "h1/", true: "h2/"}[h2] + scheme
			b.Run(name, func(b *testing.B) { overhead(b, server.URL(), scheme, h2, &tls.Config{RootCAs: ca.Pool()}) })
		}
	}
}

func overhead(b *testing.B, target, scheme string, h2 bool, roots *tls.Config) {
	b.Helper()
	plain := &http.Transport{TLSClientConfig: roots.Clone(), ForceAttemptHTTP2: h2, DisableCompression: true, MaxIdleConnsPerHost: 100}
	cfg := transport.Config{TLS: roots, HTTP2: transport.HTTP2Always}
	if scheme != "direct" {
		proxy, err := transporttest.NewProxy(transporttest.ProxyConfig{Scheme: scheme})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = proxy.Close() })
		u, _ := url.Parse(proxy.URL())
		plain.Proxy = http.ProxyURL(u)
		if cfg.Proxy, err = transport.ParseProxy(proxy.URL()); err != nil {
			b.Fatal(err)
		}
	}
	ours, err := transport.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(plain.CloseIdleConnections)
	b.Cleanup(func() { _ = ours.Close() })
	b.Run("plain", func(b *testing.B) { benchmarkCalls(b, plain, target) })
	b.Run("ours", func(b *testing.B) { benchmarkCalls(b, ours, target) })
	b.Run("ratio", func(b *testing.B) { benchmarkRatio(b, plain, ours, target) })
}

// benchmarkRatio lets two round trippers take turns, so that what else the machine
// does befalls both.
func benchmarkRatio(b *testing.B, plain, ours http.RoundTripper, target string) {
	b.Helper()
	const turns, calls = 10, 2000
	turn := func(rt http.RoundTripper) float64 {
		began := time.Now()
		for range calls {
			benchmarkCall(b, rt, target)
		}
		return float64(time.Since(began))
	}
	var ratios []float64
	for b.Loop() {
		for i := range turns {
			var base, own float64
			if i%2 == 0 { // who comes second finds the caches warm, and the garbage
				base, own = turn(plain), turn(ours)
			} else {
				own, base = turn(ours), turn(plain)
			}
			ratios = append(ratios, own/base)
		}
	}
	slices.Sort(ratios)
	b.ReportMetric(0, "ns/op") // nothing of interest
	b.ReportMetric(ratios[len(ratios)/2], "ours/plain")
}

func benchmarkCalls(b *testing.B, rt http.RoundTripper, target string) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		benchmarkCall(b, rt, target)
	}
}

func benchmarkCall(b testing.TB, rt http.RoundTripper, target string) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, target, strings.NewReader("hello"))
	if err != nil {
		b.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		b.Fatal(err)
	}
	_ = resp.Body.Close()
}

func parrot(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, _ = w.Write(body)
}
