package server_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
)

// To try another login for a stored account leaves the stored one as it is. What is got for
// the stored refresh token is kept: that may be spent.
func TestAProbeKeepsTokensOfTheStoredLoginAlone(t *testing.T) {
	for name, c := range map[string]struct {
		refresh, scope string
		kept           bool
	}{
		"another login":            {"rt-0.", "", false},
		"the same, asked for more": {"rt-stored.", "more", true},
	} {
		t.Run(name, func(t *testing.T) {
			p := &rotating{lifetime: 3600, refresh: c.refresh[:len(c.refresh)-1]}
			r := newRig(t, func(cfg *server.Config) { cfg.Accounts, cfg.RoundTripper = nil, inMemory(p) })
			plan := func(refresh, scope string) resource.Account {
				return account("plan", "openai", func(a *resource.Account) {
					a.Secret = resource.Secret{}
					a.OAuth = &resource.OAuth{TokenURL: "https://login.example/token", RefreshToken: resource.NewSecret(refresh), Scope: scope}
				})
			}
			stored := plan("rt-stored.", "")
			r.store.set(stored)
			require.NoError(t, r.s.Reload(t.Context()))
			_, err := r.s.CheckAccount(t.Context(), plan(c.refresh, c.scope))
			require.NoError(t, err)
			require.Equal(t, 1, p.count())
			r.store.mu.Lock()
			defer r.store.mu.Unlock()
			assert.Equal(t, c.kept, r.store.tokens[stored.ID].AccessToken != "")
		})
	}
}
