package balancer_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
)

// billed is a configuration with health checks that ask the provider first, and then
// billing, another host.
func billed(api, billing http.RoundTripper) balancer.Config {
	cfg := checked(nil, account("main"))
	cfg.RoundTripper = func(balancer.Account) (http.RoundTripper, error) {
		return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "billing.example.com" {
				return billing.RoundTrip(r)
			}
			return api.RoundTrip(r)
		}), nil
	}
	cfg.HealthChecks.Probes = func(_ string, p *provider.Provider) []provider.Probe {
		return append(provider.Probes(p), provider.Probe{
			Name: "billing", URL: "https://billing.example.com/balance", Auth: provider.AuthBearer, Proves: []provider.Proof{provider.ProvesMoney},
		})
	}
	return cfg
}

var unreachable = transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
	return nil, &transport.Error{Phase: transport.PhaseDNS, Sent: transport.SentNo, Err: errors.New("no such host")}
})

// TestWhatAProbeElsewhereCanSay: of the credential and of money, and of nothing else: not
// of the account's own way, nor of its provider.
func TestWhatAProbeElsewhereCanSay(t *testing.T) {
	refused := `{"error":{"code":"invalid_api_key","message":"Incorrect API key provided"}}`
	for name, tt := range map[string]struct {
		billing http.RoundTripper
		state   string
		health  string
	}{
		"it is well":             {inMemory{answers(200, `{}`)}, "closed", "ok"},
		"it cannot be reached":   {unreachable, "closed", "ok"},
		"it fails":               {inMemory{answers(503, "down")}, "closed", "ok"},
		"it is overloaded":       {inMemory{answers(529, "")}, "closed", "ok"},
		"it is asked too often":  {inMemory{answers(429, "")}, "closed", "ok"},
		"it refuses the key":     {inMemory{answers(401, refused)}, "disabled", "failed"},
		"it says there is none":  {inMemory{answers(402, `{"error":{"message":"Insufficient Balance"}}`)}, "disabled", "failed"},
		"it knows of no account": {inMemory{answers(404, "")}, "closed", "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lb := newTransport(t, billed(inMemory{answers(200, `{"data":[]}`)}, tt.billing))
				time.Sleep(40 * time.Minute)
				synctest.Wait()
				s := snapshotOf(t, lb)
				assert.Equal(t, tt.state, s.Accounts[0].State, s.Accounts[0].Reason)
				assert.Zero(t, s.Accounts[0].Failures, s.Accounts[0].Reason)
				require.NotNil(t, s.Accounts[0].LastCheck)
				assert.Equal(t, tt.health, s.Accounts[0].LastCheck.Health)
				for _, d := range append(s.Routes, s.Providers...) {
					assert.Equal(t, "closed", d.State, "%s: %s", d.Name, d.Reason)
					assert.Zero(t, d.Failures, d.Name)
				}
			})
		})
	}
}

// TestAGoodAnswerElsewhereDoesNotBringBackTheProvider: it was asked, and did not answer.
func TestAGoodAnswerElsewhereDoesNotBringBackTheProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := billed(unreachable, inMemory{answers(200, `{}`)})
		probes := cfg.HealthChecks.Probes
		cfg.HealthChecks.Probes = func(name string, p *provider.Provider) []provider.Probe { return probes(name, p)[1:] }
		cfg.Health = health.NewMemory(health.MemoryConfig{})
		put(t, cfg.Health, subject(health.KindProvider, "openai https://api.openai.com"), failedOften())
		lb := newTransport(t, cfg)
		time.Sleep(20 * time.Minute)
		s := snapshotOf(t, lb)
		assert.Equal(t, "ok", s.Accounts[0].LastCheck.Health)
		assert.Equal(t, "open", s.Providers[0].State)
	})
}
