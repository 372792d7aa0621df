package balancer_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

func TestProbeTakesEachAccountsWay(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: fake})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	dead, err := transporttest.NewProxy(transporttest.ProxyConfig{User: "u", Password: secretMark, Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	require.NoError(t, err)
	defer func() { require.NoError(t, dead.Close()) }()
	socks, err := transporttest.NewProxy(transporttest.ProxyConfig{Scheme: "socks5", User: "u", Password: secretMark})
	require.NoError(t, err)
	defer func() { require.NoError(t, socks.Close()) }()

	at := provider.OpenAI.At("fake", server.URL()+"/v1")
	by := func(name, proxy string, fallback bool) balancer.Account {
		return balancer.Account{Name: name, Provider: at, Secret: "sk-" + secretMark, Proxy: proxy, FallbackToDirect: fallback}
	}
	lb := newTransport(t, balancer.Config{Accounts: []balancer.Account{
		by("direct", "", false), by("socks", socks.URL(), false), by("dead", dead.URL(), false), by("around", dead.URL(), true),
	}})
	reports := lb.Probe(t.Context())
	require.Len(t, reports, 4)
	type found struct{ success, usedProxy, fellBack bool }
	want := []found{{true, false, false}, {true, true, false}, {false, true, false}, {true, false, true}}
	for i, r := range reports {
		got := found{r.Success, r.UsedProxy, r.FellBack}
		assert.Equal(t, want[i], got, r.Account)
	}
	assert.Equal(t, http.StatusUnauthorized, reports[0].StatusCode, "any status means that it was reached")
	assert.Contains(t, reports[1].ProxyURL, "socks5://u:***@")
	last := reports[2].Phases[len(reports[2].Phases)-1]
	assert.Equal(t, transport.PhaseDialProxy, last.Phase)
	assert.Contains(t, reports[2].Advice, "check its address")
	for _, h := range fake.Hits() {
		assert.Empty(t, h.Credentials, "a probe shows nobody's key")
	}
	text, err := json.Marshal(reports)
	require.NoError(t, err)
	assertNoSecret(t, "the reports", string(text))
	for _, field := range []string{"account", "success", "statusCode", "responseTimeMs", "usedProxy", "proxyUrl", "error"} {
		assert.Contains(t, string(text), `"`+field+`":`)
	}
}
