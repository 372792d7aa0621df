package transport_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/pool"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t", "%T", "%U", "%10.3v", "%-20s", "%08d"}

// assertNoSecret prints a value in every way and looks for the marker.
func assertNoSecret(t *testing.T, value any) {
	t.Helper()
	for _, verb := range verbs {
		assertHidden(t, verb, fmt.Sprintf(verb, value))
	}
	if encoded, err := json.Marshal(value); err == nil {
		assertHidden(t, "json", string(encoded))
	} else {
		assertHidden(t, "error of json", err.Error())
	}
	var text, encoded strings.Builder
	slog.New(slog.NewTextHandler(&text, nil)).Info("text", "value", value)
	slog.New(slog.NewJSONHandler(&encoded, nil)).Info("json", "value", value)
	assertHidden(t, "slog text", text.String())
	assertHidden(t, "slog json", encoded.String())
}

// assertHidden looks for the marker as it is, as hexadecimal, decimal and Unicode
// bytes, and in Basic credentials.
func assertHidden(t *testing.T, how, output string) {
	t.Helper()
	forms := []string{
		marker, strings.ToUpper(marker),
		hex.EncodeToString([]byte(marker)), strings.ToUpper(hex.EncodeToString([]byte(marker))),
		strings.Trim(fmt.Sprintf("%d", []byte(marker)), "[]"), strings.Trim(fmt.Sprintf("%U", []rune(marker)), "[]"),
		base64.StdEncoding.EncodeToString([]byte("user:" + marker)),
		base64.StdEncoding.EncodeToString([]byte(marker)),
	}
	for _, form := range forms {
		if strings.Contains(output, form) {
			assert.Fail(t, "the password shows", "%s: %s", how, output)
		}
	}
}

func TestNothingPrintsThePassword(t *testing.T) {
	p := parse(t, "socks5://user:"+marker+"@10.0.0.2:1080")
	failure := &transport.Error{
		Phase: transport.PhaseDialTarget, Sent: transport.SentNo, Addr: "api.example.com:443", Err: errors.New("refused"),
		Earlier: &transport.Error{Phase: transport.PhaseProxyAuth, Proxy: p, Addr: "api.example.com:443", Code: 1},
	}
	config := transport.Config{Proxy: p, FallbackToDirect: true}
	shared := pool.New(pool.Config{})
	t.Cleanup(func() { assert.NoError(t, shared.Close()) })
	pooled, err := transport.NewPooled(transport.Config{Proxy: p, Pool: shared})
	require.NoError(t, err)
	tr := newTransport(t, config)
	for name, value := range map[string]any{
		"Proxy": p, "a copy of Proxy": *p, "Proxies": []*transport.Proxy{p}, "Proxy in a map": map[string]*transport.Proxy{"p": p},
		"Config": config, "pointer to Config": &config, "Dialer": transport.Dialer{Proxy: p}, "pointer to Dialer": &transport.Dialer{Proxy: p},
		"Error": failure, "Error by value": *failure, "wrapped Error": fmt.Errorf("wrapped: %w", failure), "AgentInfo": transport.AgentInfo{Proxy: p},
		"Transport": tr, "Pooled": pooled, "Pool": shared, "Client": tr.Client(),
	} {
		t.Run(name, func(t *testing.T) { assertNoSecret(t, value) })
	}
}

func TestProxyPrintsItsURLRedacted(t *testing.T) {
	const redacted = "http://user:***@host:8080"
	p := parse(t, "http://user:"+marker+"@host:8080")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		assert.Equal(t, redacted, fmt.Sprintf(verb, p), verb)
	}
	assert.Equal(t, redacted, p.LogValue().String())
	encoded, err := json.Marshal(map[string]any{"proxy": p})
	require.NoError(t, err)
	assert.JSONEq(t, `{"proxy":"`+redacted+`"}`, string(encoded))

	var none *transport.Proxy
	assert.Equal(t, "direct", none.String())
	assert.Equal(t, "direct", fmt.Sprint(none))
	assert.Equal(t, "direct", none.LogValue().String())
}

// What is seen after requests went through: statistics with their pool keys, logs,
// and the errors of every way to fail.
func TestTrafficShowsNoPassword(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("ok")})
	for _, scheme := range []string{"http", "https", "socks5"} {
		t.Run(scheme, func(t *testing.T) {
			ca := newCA(t)
			through := startProxy(t, transporttest.ProxyConfig{Scheme: scheme, User: "user", Password: marker, CA: ca})
			var logs logBuffer
			shared := pool.New(pool.Config{Logger: logs.logger()})
			t.Cleanup(func() { assert.NoError(t, shared.Close()) })
			tr := newTransport(t, transport.Config{
				Proxy: parse(t, through.URL()), ProxyTLS: trust(ca), FallbackToDirect: true, Logger: logs.logger(),
				Pool: shared, ConnectTimeout: brief, HeaderTimeout: brief,
			})
			get(t, tr, server.URL())
			assertNoSecret(t, tr.Stats())

			for kind := transporttest.FaultDown; kind <= transporttest.FaultHangConnect; kind++ {
				through.SetFault(transporttest.Fault{Kind: kind})
				through.CloseConnections()
				// The endpoint is down, so that falling back fails as well.
				resp, err := tr.RoundTrip(newRequest(t, http.MethodGet, "http://"+closedPort(t), nil))
				if err == nil { // an answer of the proxy's that is taken for the endpoint's
					require.NoError(t, resp.Body.Close())
					continue
				}
				assertNoSecret(t, err)
			}
			assertHidden(t, "log", logs.String())
			assert.NotEmpty(t, logs.String())
		})
	}
}
