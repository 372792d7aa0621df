package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// What the fakes accept, so that a request which reached one by any other way than
// through its account would be refused.
const upstreamKey = "sk-of-the-account"

// The gateway's keys, one for each thing that can be said of a key.
const (
	goodKey    = "gw-good-000000000000000000000000"
	wrongKey   = "gw-wrong-00000000000000000000000"
	expiredKey = "gw-expired-000000000000000000000"
	modelKey   = "gw-model-00000000000000000000000" // may ask for no model of the tests
	poorKey    = "gw-poor-000000000000000000000000" // has a quota that one request uses up
	slowKey    = "gw-slow-000000000000000000000000" // may send one request a minute
	deadKey    = "gw-dead-000000000000000000000000" // of a group whose proxy is dead
)

// binary is the gateway, built once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gateway-e2e-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "gateway")
	out, err := exec.Command("go", "build", "-o", path, "..").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// upstreams are fake providers on loopback.
type upstreams struct {
	OpenAI, Anthropic, Gemini *providertest.Fake
	servers                   map[string]*transporttest.Server
}

func newUpstreams(t *testing.T) *upstreams {
	t.Helper()
	cfg := providertest.Config{Keys: []string{upstreamKey}}
	u := &upstreams{OpenAI: providertest.OpenAI(cfg), Anthropic: providertest.Anthropic(cfg), Gemini: providertest.Gemini(cfg), servers: map[string]*transporttest.Server{}}
	for name, fake := range map[string]*providertest.Fake{"openai": u.OpenAI, "anthropic": u.Anthropic, "gemini": u.Gemini} {
		server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: fake})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, server.Close()) })
		u.servers[name] = server
	}
	return u
}

// URL is where a fake is.
func (u *upstreams) URL(name string) string { return u.servers[name].URL() }

// hits is how many calls all fakes have had.
func (u *upstreams) hits() int { return u.OpenAI.Count() + u.Anthropic.Count() + u.Gemini.Count() }

// settings are written into the gateway's configuration.
type settings struct {
	Data                 string
	Upstreams            *upstreams
	HTTPProxy, SOCKS     string // "": direct
	Filter               string // a client type, which alone is let in; "": everybody is
	Dead                 string // a proxy that nobody listens at
	UpstreamKey          string
	Good, Expired, Model string
	Poor, Slow, DeadKey  string
}

var configuration = template.Must(template.New("").Parse(`
listen: 127.0.0.1:0
data_dir: {{.Data}}
{{- with .Filter}}
client_filter: {filter_enabled: true, clients: [{type: {{.}}}]}
{{- end}}
accounts:
{{- range $name, $base := .Bases}}
  - {name: {{$name}}-http, provider: {{$name}}, base_url: "{{$base}}", secret: {{$.UpstreamKey}}, groups: [main], proxy_url: "{{or $.HTTPProxy "direct"}}"}
  - {name: {{$name}}-socks, provider: {{$name}}, base_url: "{{$base}}", secret: {{$.UpstreamKey}}, groups: [main], proxyUrl: "{{or $.SOCKS "direct"}}"}
  - {name: {{$name}}-dead, provider: {{$name}}, base_url: "{{$base}}", secret: {{$.UpstreamKey}}, groups: [dead], proxy_url: "{{$.Dead}}"}
{{- end}}
keys:
  - {name: good, secret: {{.Good}}, user_id: alice, groups: [main]}
  - {name: expired, secret: {{.Expired}}, expires_at: 2020-01-01T00:00:00Z}
  - {name: model, secret: {{.Model}}, models: ["o9-*"]}
  - {name: poor, secret: {{.Poor}}, groups: [main], quotas: [{window: total, tokens: 1}]}
  - {name: slow, secret: {{.Slow}}, groups: [main], requests_per_minute: 1}
  - {name: dead, secret: {{.DeadKey}}, groups: [dead]}
`))

// Bases are where the providers are, as accounts write it.
func (s settings) Bases() map[string]string {
	return map[string]string{
		"openai": s.Upstreams.URL("openai") + "/v1", "anthropic": s.Upstreams.URL("anthropic"), "gemini": s.Upstreams.URL("gemini"),
	}
}

// gateway is a running gateway.
type gateway struct {
	Base string
	log  *record
	cmd  *exec.Cmd
}

// record keeps what a program writes.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

// startGateway runs the gateway until the test's end, when it has to end well.
func startGateway(t *testing.T, s settings) *gateway {
	t.Helper()
	s.Data, s.UpstreamKey = filepath.Join(t.TempDir(), "data"), upstreamKey
	s.Good, s.Expired, s.Model, s.Poor, s.Slow, s.DeadKey = goodKey, expiredKey, modelKey, poorKey, slowKey, deadKey
	s.Dead = "http://" + closedAddress(t)
	var text bytes.Buffer
	require.NoError(t, configuration.Execute(&text, s))
	return runGateway(t, text.String())
}

// runGateway runs the gateway with a configuration that listens on a port of the system's choice, until the test's end.
func runGateway(t *testing.T, config string) *gateway {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	program, err := binary()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	g := &gateway{log: &record{}, cmd: exec.CommandContext(ctx, program, "-config", path)}
	g.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	g.cmd.Cancel = func() error { return g.cmd.Process.Signal(os.Interrupt) }
	g.cmd.WaitDelay = 15 * time.Second
	require.NoError(t, g.cmd.Start())
	t.Cleanup(func() {
		cancel()
		if err := g.cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the gateway ended with %v:\n%s", err, g.log)
		}
		if t.Failed() {
			t.Logf("the gateway's log:\n%s", g.log)
		}
	})
	g.waitReady(t)
	return g
}

// servesAt is in what the gateway tells people once it is ready.
var servesAt = regexp.MustCompile(`serves at (http://\S+),`)

// waitReady waits until the gateway says where it serves, and that it is ready.
func (g *gateway) waitReady(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if m := servesAt.FindStringSubmatch(g.log.String()); m != nil {
			g.Base = m[1]
			break
		}
		require.True(t, time.Now().Before(deadline), "the gateway is not ready:\n%s", g.log)
	}
	resp, err := http.Get(g.Base + "/readyz")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode, "it listens only when it is ready")
}

// ways are the proxies that the log says requests went by, redacted, and how many by each.
func (g *gateway) ways() map[string]int {
	ways := map[string]int{}
	for line := range strings.Lines(g.log.String()) {
		var m struct {
			RequestID string `json:"request_id"`
			UsedProxy string `json:"used_proxy"`
		}
		if json.Unmarshal([]byte(line), &m) == nil && m.RequestID != "" && m.UsedProxy != "" {
			ways[m.UsedProxy]++
		}
	}
	return ways
}

// closedAddress is an address of loopback that refuses connections until the test's end.
func closedAddress(t *testing.T) string {
	t.Helper()
	p, err := transporttest.NewProxy(transporttest.ProxyConfig{Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	return p.Addr()
}
