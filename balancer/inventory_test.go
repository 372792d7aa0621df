package balancer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// platform is a provider with a balance and two pages of models, and a token
// endpoint beside it.
func platform(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Host == "token.example" && r.URL.Path == "/token":
		_, _ = io.WriteString(w, "fresh-token")
	case r.Header.Get("Authorization") != "Bearer fresh-token" && r.Header.Get("X-Api-Key") != "fresh-token":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/user/balance":
		_, _ = io.WriteString(w, `{"is_available":true,"balance_infos":[{"currency":"CNY","total_balance":"110.00"}]}`)
	case r.URL.Path == "/v1/models" && r.URL.Query().Get("after_id") == "":
		_, _ = io.WriteString(w, `{"data":[{"id":"one"},{"id":"two"}],"has_more":true,"last_id":"two"}`)
	case r.URL.Path == "/v1/models" && r.URL.Query().Get("after_id") == "two":
		_, _ = io.WriteString(w, `{"data":[{"id":"three","display_name":"Three"}],"has_more":false,"last_id":"three"}`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// TestQuestionsGoByTheAccountsProxy: with a direct route that is dead and names
// that only the proxy knows, a check, a list of models, a balance and the token
// they need all arrive, and nothing is dialled but the proxy.
func TestQuestionsGoByTheAccountsProxy(t *testing.T) {
	server, err := transporttest.NewServer(transporttest.ServerConfig{Handler: http.HandlerFunc(platform)})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	for _, scheme := range []string{"http", "socks5h"} {
		t.Run(scheme, func(t *testing.T) {
			proxy, err := transporttest.NewProxy(transporttest.ProxyConfig{
				Scheme: scheme, User: "u", Password: "p",
				Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
					if !strings.HasSuffix(addr, ".example:80") {
						return nil, fmt.Errorf("nobody is called %s", addr)
					}
					return (&net.Dialer{}).DialContext(ctx, network, server.Addr())
				},
			})
			require.NoError(t, err)
			defer func() { require.NoError(t, proxy.Close()) }()
			network := &onlyTo{addr: proxy.Addr()}
			renewed := provider.CredentialFunc(func(ctx context.Context) (string, error) {
				carrier := provider.CarrierFrom(ctx)
				if carrier == nil {
					return "", errors.New("no carrier")
				}
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://token.example/token", http.NoBody)
				if err != nil {
					return "", err
				}
				resp, err := carrier.RoundTrip(r)
				if err != nil {
					return "", err
				}
				defer resp.Body.Close()
				token, err := io.ReadAll(resp.Body)
				return string(token), err
			})
			by := func(p *provider.Provider) balancer.Account {
				return balancer.Account{Name: p.Name, Provider: p, Credential: renewed, Proxy: proxy.URL()}
			}
			lb := newTransport(t, balancer.Config{
				Transport: transport.Config{Dialer: network},
				Accounts: []balancer.Account{
					by(provider.OpenAI.At("deepseek", "http://platform.example/v1")),
					by(provider.Anthropic.At("claude", "http://platform.example")),
				},
			})

			report, err := lb.Check(t.Context(), "claude")
			require.NoError(t, err)
			assert.True(t, report.OK(), "%+v", report)
			assert.Contains(t, report.Probes[0].Proxy, "u:***@"+proxy.Addr())

			models, err := lb.ListModels(t.Context(), "claude")
			require.NoError(t, err)
			assert.Equal(t, []provider.Model{{ID: "one"}, {ID: "two"}, {ID: "three", Name: "Three"}}, models)

			balances, err := lb.Balance(t.Context(), "deepseek")
			require.NoError(t, err)
			assert.Equal(t, []provider.Balance{{Currency: "CNY", Available: provider.NanoAmount(110e9), Enough: true}}, balances)

			report, err = lb.Check(t.Context(), "deepseek")
			require.NoError(t, err)
			assert.True(t, report.OK(), "%+v", report)

			assert.Empty(t, network.tried(), "nothing was dialled directly")
			for _, host := range []string{"token.example", "platform.example"} {
				assert.Contains(t, strings.Join(proxy.Targets(), " "), host)
			}

			proxy.SetFault(transporttest.Fault{Kind: transporttest.FaultDown})
			proxy.CloseConnections()
			_, err = lb.ListModels(t.Context(), "claude")
			require.Error(t, err, "and nothing goes around it when it is down")
			assert.Empty(t, network.tried())
		})
	}
}

// TestListModelsIsBounded: lists that do not end, or are none, are errors.
func TestListModelsIsBounded(t *testing.T) {
	page := func(n int, next string) string {
		return `{"models":[` + strings.TrimSuffix(strings.Repeat(`{"name":"models/m"},`, n), ",") + `],"nextPageToken":"` + next + `"}`
	}
	asked := 0
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = io.WriteString(w, page(1, fmt.Sprint(asked)))
	})
	tests := map[string]struct {
		answer http.Handler
		says   string
		class  provider.Class
	}{
		"pages without end": {endless, "more than 50 pages", provider.ClassOK},
		"one page for ever": {answers(200, page(1, "again")), "the one that was read", provider.ClassOK},
		"too many models":   {answers(200, page(provider.MaxModels+1, "")), "more than 10000", provider.ClassOK},
		"too many on a few": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, page(4000, r.URL.Query().Get("pageToken")+"x"))
		}), "more than 10000", provider.ClassOK},
		"a page of 9 MiB":    {answers(200, `{"models":[{"name":"`+strings.Repeat("x", 9<<20)+`"}]}`), "cut short", provider.ClassOK},
		"a wrong key":        {answers(400, `{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"API key not valid."}}`), "log in again", provider.ClassAuthInvalid},
		"a page of the web":  {answers(200, `<html>`), "web page", provider.ClassEgressBlocked},
		"a proxy in between": {answers(407, ``), "proxy", provider.ClassProxyFailed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			lb := newTransport(t, over(tt.answer, account("g", func(a *balancer.Account) { a.Provider = provider.Gemini })))
			models, err := lb.ListModels(t.Context(), "g")
			require.ErrorContains(t, err, tt.says)
			assert.Empty(t, models)
			if name == "pages without end" {
				assert.Equal(t, 50, asked)
				return
			}
			var failure *balancer.ProbeError
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, tt.class.String(), failure.Verdict.Class.String())
			assert.Equal(t, "g", failure.Account)
			assert.NotZero(t, failure.Status)
		})
	}
}

func TestBalanceOfAnEmptyAccount(t *testing.T) {
	at := provider.OpenAI.At("moonshot", "https://api.moonshot.cn/v1")
	ask := func(answer http.Handler) ([]provider.Balance, error) {
		lb := newTransport(t, over(answer, account("m", func(a *balancer.Account) { a.Provider = at })))
		return lb.Balance(t.Context(), "m")
	}
	got, err := ask(answers(200, `{"code":0,"data":{"available_balance":-0.5}}`))
	require.NoError(t, err, "no money is a balance too")
	assert.Equal(t, []provider.Balance{{Currency: "CNY", Available: provider.NanoAmount(-5e8)}}, got)

	var failure *balancer.ProbeError
	_, err = ask(answers(401, `{"error":{"message":"Invalid Authentication","type":"invalid_authentication_error"}}`))
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, provider.ClassAuthInvalid.String(), failure.Verdict.Class.String())
	_, err = ask(answers(200, `{"code":0,"data":{}}`))
	require.ErrorAs(t, err, &failure)
	assert.Error(t, failure.Err)
	_, err = ask(answers(200, `{"code":0,"data":{"available_balance":1`+strings.Repeat(" ", 70<<10)+`}}`))
	require.ErrorContains(t, err, "cut short")
}
