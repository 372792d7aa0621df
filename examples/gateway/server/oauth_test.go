package server_test

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/provider/providertest"
)

func TestTokensAreRenewedSavedAndOutliveOtherChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var renewals atomic.Int64
		fake := providertest.OpenAI(providertest.Config{})
		mux := http.NewServeMux()
		mux.Handle("api.openai.com/", fake)
		mux.HandleFunc("login.example/token", func(w http.ResponseWriter, r *http.Request) {
			n := strconv.FormatInt(renewals.Add(1), 10)
			_ = r.ParseForm()
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"access_token":"at-` + n + `","refresh_token":"rt-` + n + `","expires_in":3600}`))
		})
		r := newRig(t, func(c *server.Config) { c.Accounts, c.RoundTripper = nil, inMemory(mux) })
		with := func(change func(*resource.Account)) resource.Account {
			return account("plan", "openai", func(a *resource.Account) {
				a.Secret = resource.Secret{}
				a.OAuth = &resource.OAuth{TokenURL: "https://login.example/token", RefreshToken: resource.NewSecret("rt-0")}
				change(a)
			})
		}
		r.store.set(with(func(*resource.Account) {}))
		require.NoError(t, r.s.Reload(t.Context()))
		require.Equal(t, 200, r.chat().status)
		assert.Equal(t, "at-1", fake.Hits()[0].Key)
		assert.Equal(t, "rt-1", r.store.tokens["acc_plan"].RefreshToken)

		r.store.set(with(func(a *resource.Account) { // as the store has it now, and of another weight
			a.Weight = 5
			a.OAuth.RefreshToken, a.OAuth.AccessToken, a.OAuth.Expiry = resource.NewSecret("rt-1"), resource.NewSecret("at-1"), time.Now().Add(time.Hour)
		}))
		require.NoError(t, r.s.Reload(t.Context()))
		require.Equal(t, 200, r.chat().status)
		assert.Equal(t, int64(1), renewals.Load(), "one refresh token has one owner")

		r.store.set(with(func(a *resource.Account) { a.OAuth.RefreshToken = resource.NewSecret("rt-of-another-login") }))
		require.NoError(t, r.s.Reload(t.Context()))
		require.Equal(t, 200, r.chat().status)
		assert.Equal(t, "at-2", fake.Hits()[2].Key, "somebody has logged in anew")
		report, err := r.s.CheckAccount(t.Context(), with(func(a *resource.Account) { a.OAuth.RefreshToken = resource.NewSecret("rt-of-another-login") }))
		require.NoError(t, err)
		assert.True(t, report.OK())
		for _, hidden := range []string{"at-1", "rt-1", "rt-of-another-login"} {
			assert.NotContains(t, r.logs.String(), hidden)
		}
	})
}
