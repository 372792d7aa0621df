package transport_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

func phasesOf(r transport.Report) []transport.Phase {
	var out []transport.Phase
	for _, p := range r.Phases {
		out = append(out, p.Phase)
	}
	return out
}

func TestProbe(t *testing.T) {
	ca := newCA(t)
	teapot := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	server := newServer(t, transporttest.ServerConfig{CA: ca, HTTP2: true, Handler: teapot})
	socks := startProxy(t, transporttest.ProxyConfig{Scheme: "socks5", User: "u", Password: marker})
	dead := startProxy(t, transporttest.ProxyConfig{User: "u", Password: marker, Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	cutting := startProxy(t, transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultCutTunnel}})

	t.Run("direct", func(t *testing.T) {
		r := newTransport(t, transport.Config{TLS: trust(ca)}).Probe(bounded(t), server.URL()+"/v1?key="+marker)
		assert.True(t, r.Success)
		assert.Equal(t, http.StatusTeapot, r.StatusCode, "whatever the status, it was reached")
		assert.Equal(t, server.URL()+"/v1", r.URL)
		assert.Equal(t, "HTTP/2.0", r.Protocol)
		assert.Equal(t, []transport.Phase{transport.PhaseDialTarget, transport.PhaseTargetTLS, transport.PhaseSend, transport.PhaseWait}, phasesOf(r))
		assert.False(t, r.UsedProxy)
		assert.Empty(t, r.ProxyURL)
	})
	t.Run("through SOCKS", func(t *testing.T) {
		tr := newTransport(t, transport.Config{TLS: trust(ca), Proxy: parse(t, socks.URL())})
		for range 2 { // each time over a new connection, with all phases
			r := tr.Probe(bounded(t), server.URL())
			assert.True(t, r.Success)
			assert.True(t, r.UsedProxy)
			assert.Equal(t, "HTTP/1.1", r.Protocol)
			assert.Equal(t, []transport.Phase{
				transport.PhaseDialProxy, transport.PhaseProxyHandshake, transport.PhaseProxyAuth, transport.PhaseProxyConnect, transport.PhaseTargetTLS, transport.PhaseSend, transport.PhaseWait,
			}, phasesOf(r))
			assert.Contains(t, r.ProxyURL, "socks5://u:***@")
		}
		assert.Equal(t, 2, socks.Tunnels())
		require.NoError(t, socks.Wait(bounded(t), nothingOpen), "a probe leaves no connection behind")
	})
	t.Run("a dead proxy", func(t *testing.T) {
		r := newTransport(t, transport.Config{TLS: trust(ca), Proxy: parse(t, dead.URL())}).Probe(bounded(t), server.URL())
		assert.False(t, r.Success)
		assert.True(t, r.UsedProxy)
		assert.Equal(t, transport.PhaseDialProxy, typed(t, r.Err).Phase)
		assert.Contains(t, r.Advice, "down or unreachable")
		b, err := json.Marshal(r)
		require.NoError(t, err)
		assert.NotContains(t, string(b), marker)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(b, &fields))
		assert.ElementsMatch(t, []string{
			"url", "success", "statusCode", "responseTimeMs", "usedProxy", "proxyUrl", "fellBack", "protocol", "phases", "error", "advice",
		}, slices.Collect(maps.Keys(fields)), "the form is stable")
		var again transport.Report
		require.NoError(t, json.Unmarshal(b, &again))
		assert.Equal(t, phasesOf(r), phasesOf(again))
	})
	t.Run("no URL", func(t *testing.T) {
		b, err := json.Marshal(newTransport(t, transport.Config{}).Probe(bounded(t), "http://a b"))
		require.NoError(t, err)
		assert.Contains(t, string(b), `"phases":[]`)
	})
	t.Run("a proxy that is gone around", func(t *testing.T) {
		r := newTransport(t, transport.Config{TLS: trust(ca), Proxy: parse(t, dead.URL()), FallbackToDirect: true}).Probe(bounded(t), server.URL())
		assert.True(t, r.Success)
		assert.True(t, r.FellBack)
		assert.False(t, r.UsedProxy)
		assert.Contains(t, r.ProxyURL, "http://u:***@")
	})
	t.Run("TLS dies in the tunnel: not the same as a dead proxy", func(t *testing.T) {
		r := newTransport(t, transport.Config{TLS: trust(ca), Proxy: parse(t, cutting.URL())}).Probe(bounded(t), server.URL())
		assert.Contains(t, r.Error, "opened, then TLS inside it died")
		assert.Contains(t, r.Advice, "list it in NO_PROXY or allow fallback")
	})
	t.Run("no URL", func(t *testing.T) {
		r := newTransport(t, transport.Config{}).Probe(bounded(t), "http://u:"+marker+"@[::1")
		assert.False(t, r.Success)
		assert.NotContains(t, r.Error+r.Err.Error(), marker)
	})
}
