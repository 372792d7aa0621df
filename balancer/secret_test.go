package balancer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/pool"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// verbs are the ways in which fmt can be asked to print a value. %p is none for
// values that are no pointers: vet refuses it, and fmt then asks no method.
var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t", "%T"}

// shownAs is a value in every way in which it can be printed, logged or marshalled.
func shownAs(v any) string {
	var b strings.Builder
	for _, verb := range verbs {
		fmt.Fprintf(&b, verb+"\n", v)
		fmt.Fprintf(&b, verb+"\n", []any{v})
	}
	if j, err := json.Marshal(v); err == nil {
		b.Write(j)
	}
	log := slog.New(slog.NewJSONHandler(&b, nil))
	log.Info("value", "v", v)
	slog.New(slog.NewTextHandler(&b, nil)).Info("value", "v", v)
	return b.String()
}

// secrets are what must never show, plain and as hexadecimal digits of %x.
var secrets = []string{
	"sk-" + secretMark, "pw-" + secretMark, "hdr-" + secretMark, "inbound-" + secretMark, "cred-" + secretMark,
}

func assertNoSecret(t *testing.T, what, text string) {
	t.Helper()
	for _, s := range append(secrets, secretMark) {
		for _, form := range []string{s, fmt.Sprintf("%x", s), fmt.Sprintf("%X", s)} {
			if i := strings.Index(text, form); i >= 0 {
				t.Errorf("%s shows the secret %q: …%s…", what, s, text[max(0, i-60):min(len(text), i+60)])
			}
		}
	}
}

// TestNoSecretShows makes every kind of failure with secrets in every place they
// can be, and looks for them in all that comes out.
func TestNoSecretShows(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))

	proxies := map[string]*transporttest.Proxy{}
	for name, cfg := range map[string]transporttest.ProxyConfig{
		"refused": {Fault: transporttest.Fault{Kind: transporttest.FaultDown}, User: "user", Password: "pw-" + secretMark},
		"wrong":   {User: "user", Password: "another"},
		"socks":   {Scheme: "socks5", User: "user", Password: "another"},
		"502":     {User: "user", Password: "pw-" + secretMark, Fault: transporttest.Fault{Kind: transporttest.FaultAnswer, Status: 502}},
		"garbage": {User: "user", Password: "pw-" + secretMark, Fault: transporttest.Fault{Kind: transporttest.FaultGarbage}},
		"good":    {User: "user", Password: "pw-" + secretMark},
	} {
		p, err := transporttest.NewProxy(cfg)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, p.Close()) })
		proxies[name] = p
	}
	fake := providertest.OpenAI(providertest.Config{Keys: []string{"sk-" + secretMark}})
	fake.Script(
		providertest.Unauthorized(), providertest.RateLimited(time.Minute),
		providertest.Status(401, nil, `{"error":{"message":"Incorrect API key provided: sk-`+secretMark+`.","type":"invalid_request_error","code":"invalid_api_key"}}`),
	)
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: fake})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })

	at := provider.OpenAI.At("fake", server.URL()+"/v1")
	var accounts []balancer.Account
	for name, p := range proxies {
		url := strings.Replace(p.URL(), "another", "pw-"+secretMark, 1)
		accounts = append(accounts, balancer.Account{
			Name: name, Provider: at, Secret: "sk-" + secretMark, Proxy: url,
			Header: http.Header{"X-Extra": {"hdr-" + secretMark}},
		})
	}
	accounts = append(accounts, balancer.Account{Name: "credential", Provider: at, Credential: provider.Key("cred-" + secretMark)})
	parsed, err := transport.ParseProxy("socks5://user:pw-" + secretMark + "@10.0.0.2:1080")
	require.NoError(t, err)
	cfg := balancer.Config{Accounts: accounts, MaxAttempts: 10, Logger: logger, Transport: transport.Config{Proxy: parsed}}

	lb, err := balancer.New(cfg)
	require.NoError(t, err)
	ctx, trail := balancer.WithTrail(t.Context())
	var errs []error
	for range 5 {
		req := newRequest(ctx, t, http.MethodPost, chatURL+"?key=inbound-"+secretMark, chat)
		req.Header.Set("Authorization", "Bearer inbound-"+secretMark)
		req.Header.Set("Cookie", "inbound-"+secretMark)
		_, _, err := do(lb, req)
		errs = append(errs, err)
	}
	_, _, err = do(lb, newRequest(ctx, t, http.MethodGet, "https://nowhere.example.com/?key=inbound-"+secretMark, ""))
	errs = append(errs, err)
	snapshot, err := lb.Snapshot(t.Context())
	require.NoError(t, err)

	require.NotEmpty(t, trail.Attempts())
	values := map[string]any{
		"Config": cfg, "*Config": &cfg, "Account": accounts[0], "*Account": &accounts[0], "[]Account": accounts,
		"balancer.Transport": lb, "Trail": trail, "Attempts": trail.Attempts(), "Snapshot": snapshot,
		"transport.Config": cfg.Transport, "Proxy": parsed, "Proxy value": *parsed,
		"Credential": provider.Key("cred-" + secretMark), "Provider": at,
		"pool.Key": pool.Key{Scheme: "https", Host: "h:443", Route: "route-" + secretMark},
	}
	own, err := transport.New(cfg.Transport)
	require.NoError(t, err)
	values["transport.Transport"], values["*http.Client"] = own, own.Client()
	for i, err := range errs {
		values[fmt.Sprintf("error %d", i)] = err
		var inner *transport.Error
		if errors.As(err, &inner) {
			values[fmt.Sprintf("transport error %d", i)] = inner
		}
	}
	for what, v := range values {
		assertNoSecret(t, what, shownAs(v))
	}
	require.NoError(t, own.Close())
	require.NoError(t, lb.Close())
	assert.NotEmpty(t, log.String())
	assertNoSecret(t, "the log", log.String())
	assert.Contains(t, log.String(), "user:***@")
}
