package transport_test

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/transport"
)

// A request costs at most 12 allocations more than by a plain http.Transport.
func TestRequestAllocatesLittleMoreThanPlain(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates: run without -race")
	}
	const most = 12
	ca := newCA(t)
	for _, up := range upstreams {
		t.Run(up.name, func(t *testing.T) {
			server := up.start(t, ca, http.HandlerFunc(parrot))
			plain := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}, ForceAttemptHTTP2: up.h2, DisableCompression: true}
			t.Cleanup(plain.CloseIdleConnections)
			ours := newTransport(t, transport.Config{TLS: trust(ca)})
			per := func(rt http.RoundTripper) float64 {
				benchmarkCall(t, rt, server.URL()) // opens the connection
				return testing.AllocsPerRun(500, func() { benchmarkCall(t, rt, server.URL()) })
			}
			base := per(plain)
			assert.LessOrEqual(t, per(ours)-base, float64(most), "plain allocates %v times", base)
		})
	}
}
