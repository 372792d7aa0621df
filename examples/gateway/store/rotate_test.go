package store_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/store"
	"github.com/aitransport/aitransport/provider"
)

// After a rotation all secrets are read with the other key, and nothing can be read or
// written with the one before.
func rotation(t *testing.T, w world) {
	c := config(t, w.fresh(t))
	db, running := open(t, c), open(t, c)
	ctx := t.Context()
	full, err := db.CreateAccount(ctx, resource.Account{
		Name: "full", Provider: "openai", Proxy: "http://u:pw@127.0.0.1:1", Header: map[string]string{"X-A": "h"},
		OAuth: &resource.OAuth{TokenURL: "https://a.example/t", ClientSecret: resource.NewSecret("cs"), RefreshToken: resource.NewSecret("rt"), Expiry: time.Unix(1900000000, 0).UTC()},
	})
	require.NoError(t, err)
	plain, err := db.CreateAccount(ctx, resource.Account{Name: "plain", Provider: "openai", Secret: resource.NewSecret("sk-1")})
	require.NoError(t, err)

	other := bytes.Repeat([]byte{9}, 32)
	_, err = db.Rotate(ctx, other[:31])
	require.Error(t, err)
	n, err := db.Rotate(ctx, other)
	require.NoError(t, err)
	assert.Equal(t, 2, n)

	require.ErrorContains(t, second(running.Account(ctx, plain.ID)), "another master key")
	require.ErrorContains(t, second(running.UpdateAccount(ctx, resource.Account{ID: plain.ID, Name: "plain", Provider: "openai", Secret: resource.NewSecret("sk-2")})), "another master key")
	require.ErrorContains(t, running.SaveTokens(ctx, full.ID, provider.OAuthTokens{AccessToken: "at"}), "another master key")
	_, err = db.Rotate(ctx, masterKey)
	require.ErrorContains(t, err, "another master key", "it is of no use any more")

	require.ErrorIs(t, second(store.Open(ctx, c)), store.ErrKeyUnused)
	c.Key = other
	again := open(t, c)
	for _, want := range []resource.Account{full, plain} {
		got, err := again.Account(ctx, want.ID)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}
