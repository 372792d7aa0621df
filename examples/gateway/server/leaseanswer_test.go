package server_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/provider"
)

// The lease lasts until what came is saved, and not longer where nothing came to be saved: other
// gateways would wait for nothing until it ends.
func TestAnAnswerWithoutATokenEndsTheLease(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		given  int64
		saved  bool
	}{
		"a token":                {`{"access_token":"at-1","expires_in":3600}`, 1, true},
		"a refresh token alone":  {`{"refresh_token":"rt-1","error":"later"}`, 1, true},
		"an error as if it were": {`{"error":"refresh_token_reused"}`, 1, false},
		"no JSON":                {`<html>`, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := &leasing{memory: &memory{}, stored: provider.OAuthTokens{RefreshToken: "rt-0"}}
			login := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Host != "login.example" {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				_, _ = io.WriteString(w, c.answer)
			})
			r := newRig(t, func(cfg *server.Config) {
				cfg.Store, cfg.Accounts, cfg.RoundTripper = l, nil, inMemory(login)
			})
			l.set(account("plan", "openai", func(a *resource.Account) {
				a.Secret = resource.Secret{}
				a.OAuth = &resource.OAuth{TokenURL: "https://login.example/token", RefreshToken: resource.NewSecret("rt-0")}
			}))
			require.NoError(t, r.s.Reload(t.Context()))
			r.chat()
			l.mu.Lock()
			defer l.mu.Unlock()
			assert.Equal(t, c.saved, len(l.tokens) == 1)
			assert.Equal(t, c.given, l.given.Load())
		})
	}
}
