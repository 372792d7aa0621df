package e2e_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport/transporttest/realproxy"
)

// claude runs Claude Code once, with a home of its own.
func claude(t *testing.T, base, key string) (answer struct {
	Result  string `json:"result"`
	IsError bool   `json:"is_error"`
	Status  int    `json:"api_error_status"`
}, err error) {
	t.Helper()
	program := filepath.Join("clients", "node", "node_modules", ".bin", "claude")
	need(t, program, "npm ci --prefix examples/gateway/e2e/clients/node")
	program, err = filepath.Abs(program)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-p", prompt, "--output-format", "json", "--model", models["anthropic"])
	cmd.Dir = t.TempDir()
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "ANTHROPIC_BASE_URL=" + base, "ANTHROPIC_API_KEY=" + key,
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "DISABLE_AUTOUPDATER=1", "CLAUDE_CODE_MAX_RETRIES=0",
	}
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.Output()
	if jsonErr := json.Unmarshal(out, &answer); jsonErr != nil {
		require.NoError(t, jsonErr, "it printed %.500q and ended with %v", out, err)
	}
	return answer, err
}

func TestClaudeCode(t *testing.T) {
	u := newUpstreams(t)
	g := startGateway(t, settings{
		Upstreams: u,
		HTTPProxy: realproxy.Squid(t, realproxy.Config{}).URL(),
		SOCKS:     realproxy.Dante(t, realproxy.Config{User: "team", Password: "pw-2"}).URL(),
	})
	t.Run("is answered", func(t *testing.T) {
		answer, err := claude(t, g.Base, goodKey)
		require.NoError(t, err, answer.Result)
		assert.False(t, answer.IsError)
		assert.Equal(t, "Hello from anthropic.", answer.Result)
		assert.NotZero(t, u.Anthropic.Count())
	})
	t.Run("is refused", func(t *testing.T) {
		before := u.hits()
		answer, err := claude(t, g.Base, wrongKey)
		assert.Error(t, err)
		assert.True(t, answer.IsError)
		assert.Equal(t, 401, answer.Status, answer.Result)
		assert.Equal(t, before, u.hits())
	})
}

// The presets of the client filter know the real Claude Code.
func TestClaudeCodeIsWhatTheClientFilterTakesItFor(t *testing.T) {
	for _, preset := range []string{"claude-code", "claude-code-strict"} {
		t.Run(preset, func(t *testing.T) {
			u := newUpstreams(t)
			g := startGateway(t, settings{Upstreams: u, Filter: preset})
			answer, err := claude(t, g.Base, goodKey)
			require.NoError(t, err, answer.Result)
			assert.Equal(t, "Hello from anthropic.", answer.Result)
			before := u.hits()
			o := goClients{}.do(t, job{Client: "anthropic", Call: "messages", Base: g.Base, Key: goodKey, Model: models["anthropic"]})
			assert.Equal(t, 403, o.Status, "another client is refused")
			assert.Equal(t, before, u.hits())
		})
	}
}
