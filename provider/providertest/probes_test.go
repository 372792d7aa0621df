package providertest_test

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// Whatever place of the catalogue is asked in whatever way package provider has
// for it, its fake is as good an answer as the real one's; the balance is there
// at the places that speak Anthropic's protocol, too.
func TestProbesOfTheCatalogue(t *testing.T) {
	for _, name := range provider.Names() {
		p, _ := provider.Lookup(name)
		probes := provider.Probes(p)
		if model, ok := provider.ModelProbe(p, "m1"); ok {
			probes = append(probes, model)
		}
		for _, probe := range probes {
			t.Run(name+" "+probe.Name, func(t *testing.T) {
				f := providertest.Compatible(name, providertest.Config{})
				a := probed(t, f, p, probe)
				assert.Equal(t, provider.ClassOK, probe.Judge(p, a).Class, "%d %s", a.Status, a.Body)
			})
		}
		probe, ok := provider.BalanceProbe(p)
		if !ok {
			continue
		}
		t.Run(name+" without money", func(t *testing.T) {
			f := providertest.Compatible(name, providertest.Config{Keys: []string{"k"}})
			rich, err := provider.ParseBalance(p, probed(t, f, p, probe).Body, time.Now())
			require.NoError(t, err)
			require.Len(t, rich, 1)
			assert.True(t, rich[0].Enough)
			f.Script(providertest.QuotaExhausted(), providertest.Unauthorized())
			a := probed(t, f, p, probe)
			poor, err := provider.ParseBalance(p, a.Body, time.Now())
			require.NoError(t, err)
			assert.False(t, poor[0].Enough)
			assert.Equal(t, provider.ClassQuotaExhausted, probe.Judge(p, a).Class)
			assert.Equal(t, provider.ClassAuthInvalid, probe.Judge(p, probed(t, f, p, probe)).Class)
			assert.Equal(t, "balance", f.Hits()[0].Operation)
		})
	}
}

// probed is a fake's answer to a probe.
func probed(t *testing.T, f *providertest.Fake, p *provider.Provider, probe provider.Probe) provider.Answer {
	t.Helper()
	r, err := probe.Request(t.Context(), p)
	require.NoError(t, err)
	require.NoError(t, probe.Authorize(p, r, "k"))
	resp, err := f.Client().Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return provider.Answer{Status: resp.StatusCode, Header: resp.Header, Body: body, At: time.Now()}
}
