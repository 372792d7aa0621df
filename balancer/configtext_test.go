package balancer_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
)

// TestAConfigIsText: for pages, although much of it is funcs.
func TestAConfigIsText(t *testing.T) {
	cfg := over(nil, account("main", func(a *balancer.Account) {
		a.Secret, a.Proxy = "sk-"+secretMark, "http://user:pw-"+secretMark+"@10.0.0.1:8080"
	}), account("spare"))
	const want = `balancer.Config[account "main" at openai through http://user:***@10.0.0.1:8080 account "spare" at openai]`
	for name, v := range map[string]any{"value": cfg, "pointer": &cfg} {
		text, err := json.Marshal(v)
		require.NoError(t, err, name)
		var back string
		require.NoError(t, json.Unmarshal(text, &back), name)
		assert.Equal(t, want, back, name)
	}
	text, err := json.Marshal(map[string]any{"config": balancer.Config{}})
	require.NoError(t, err)
	assert.JSONEq(t, `{"config":"balancer.Config[]"}`, string(text))
}

// TestHealthChecksThatWouldNotRun are refused: whoever sets how they are made wants them.
func TestHealthChecksThatWouldNotRun(t *testing.T) {
	for name, h := range map[string]balancer.HealthChecks{
		"Interval": {Interval: time.Minute}, "Concurrency": {Concurrency: 1}, "Timeout": {Timeout: time.Minute},
		"DisableAfter": {DisableAfter: -1}, "All": {All: true},
		"Probes": {Probes: func(string, *provider.Provider) []provider.Probe { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := over(nil, account("main"))
			cfg.HealthChecks = h
			_, err := balancer.New(cfg)
			require.ErrorContains(t, err, "balancer: Config.HealthChecks: ")
			require.ErrorContains(t, err, "set Enabled too")
			cfg.HealthChecks.Enabled = true
			newTransport(t, cfg)
		})
	}
}
