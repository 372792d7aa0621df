package transport_test

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/transport/transporttest"
	"github.com/aitransport/aitransport/transport/transporttest/realproxy"
)

// realProgram is a program that stands between people and the internet.
type realProgram struct {
	name     string
	schemes  []string
	start    func(testing.TB, realproxy.Config) *realproxy.Proxy
	open     bool // it asks nobody for a password
	speaks   proxyDialect
	proxyTLS *tls.Config // of an https proxy
}

// realPrograms are the programs, and the codes in which they differ. The https one
// is haproxy before squid; its certificate is of the given authority.
func realPrograms(ca *transporttest.CA) []realProgram {
	squid := proxyDialect{refusal: 407, unreachable: 503, proves: true} // by X-Squid-Error
	haproxy := func(tb testing.TB, c realproxy.Config) *realproxy.Proxy {
		tb.Helper()
		// It prefers h2, which nobody behind it understands: we must not offer it.
		return realproxy.Haproxy(tb, realproxy.HaproxyConfig{Backend: realproxy.Squid(tb, c), CA: ca, HTTP2: true})
	}
	return []realProgram{
		{name: "squid", schemes: []string{"http"}, start: realproxy.Squid, speaks: squid},
		{name: "tinyproxy", schemes: []string{"http"}, start: realproxy.Tinyproxy,
			speaks: proxyDialect{refusal: 401, unreachable: 500}}, // it signs them as Server
		{name: "privoxy", schemes: []string{"http"}, start: realproxy.Privoxy, open: true,
			speaks: proxyDialect{unreachable: 503}},
		{name: "haproxy before squid", schemes: []string{"https"}, start: haproxy, speaks: squid, proxyTLS: trust(ca)},
		{name: "dante", schemes: []string{"socks5", "socks5h"}, start: realproxy.Dante,
			speaks: proxyDialect{refusal: 1, unreachable: 5}},
		{name: "dante without passwords", schemes: []string{"socks4", "socks4a"}, start: realproxy.Dante, open: true,
			speaks: proxyDialect{unreachable: 91}},
		{name: "microsocks", schemes: []string{"socks5", "socks5h"}, start: realproxy.Microsocks,
			speaks: proxyDialect{refusal: 2, unreachable: 5}},
	}
}

// TestMatrixReal plays the cells with real programs, as many as they can. What a
// caller may expect is the same, but for the codes.
func TestMatrixReal(t *testing.T) {
	for _, program := range realPrograms(newCA(t)) {
		t.Run(program.name, func(t *testing.T) {
			cells := matrixCells(program.schemes...)
			report := runMatrix(t, newRealRig(t, program), cells)
			t.Log(report)
			if !someOnly() {
				assert.Equal(t, len(cells), report.played()+len(report.missing))
			}
		})
	}
}
