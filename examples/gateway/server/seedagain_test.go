package server_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
)

// A limit that an account is given while its books cannot be read gets what was used once
// they can be, though nothing of the accounts changes any more.
func TestAnAccountsLimitIsSownOnceTheBooksCanBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &usages{memory: &memory{}, accounts: []resource.AccountUsage{{Date: "2000-01-01", Account: "a", Attempts: 5}}}
		r := newRig(t, func(c *server.Config) { c.Store, c.Accounts = u, nil })
		u.breakBooks(errDown)
		u.set(account("a", "openai", func(a *resource.Account) {
			a.Limits = []resource.Limit{{Unit: "requests", Max: 6, Window: "day"}}
		}))
		require.NoError(t, r.s.Reload(t.Context()))
		assert.Contains(t, r.logs.String(), "Quota of accounts not seeded")
		u.breakBooks(nil)
		time.Sleep(time.Minute)
		require.Equal(t, 200, r.chat().status)
		require.Equal(t, 503, r.chat().status, "five of six were used before")
	})
}

// So does a key's, and a store that is away is not asked for each request.
func TestAKeysLimitIsSownOnceTheStoreTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &usages{memory: &memory{keys: map[string]resource.Key{}}}
		k := key(secret)
		u.keys[k.Hash] = k
		r := newRig(t, func(c *server.Config) { c.Store, c.Keys = u, nil })
		require.Equal(t, 200, r.chat().status)

		u.mu.Lock()
		k.Quotas, k.UpdatedAt = []resource.Quota{{Window: "day", Tokens: 5000}}, time.Now()
		u.keys[k.Hash] = k
		u.mu.Unlock()
		u.use(resource.KeyUsage{KeyID: k.ID, Start: time.Now(), InputTokens: 4990})
		r.s.Forget(k.Hash)
		u.breakUsage(errDown)
		for range 3 {
			require.Equal(t, 200, r.chat().status, "it counts from then on")
		}
		assert.Equal(t, 1, u.questions())
		assert.Contains(t, r.logs.String(), "Quota not seeded")

		u.breakUsage(nil)
		time.Sleep(time.Minute)
		got := r.chat()
		require.Equal(t, 402, got.status)
		assert.Contains(t, got.body, "Used: 4990 tokens", "and nothing twice")
		r.chat()
		assert.Equal(t, 2, u.questions())
	})
}
