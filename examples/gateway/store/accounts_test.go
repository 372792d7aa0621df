package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/store"
	"github.com/aitransport/aitransport/provider"
)

// full is an account with everything.
func full(name string) resource.Account {
	no := false
	return resource.Account{
		Name: name, Provider: "openai", BaseURL: "https://relay.example/v1", Enabled: &no, Secret: resource.NewSecret("sk-hidden-1"),
		OAuth: &resource.OAuth{
			TokenURL: "https://auth.example/token", ClientID: "id", ClientSecret: resource.NewSecret("cs-hidden"), Encoding: "json", Scope: "all",
			RefreshToken: resource.NewSecret("rt-hidden"), AccessToken: resource.NewSecret("at-hidden"), Expiry: time.Unix(1900000000, 0).UTC(),
			Header: map[string]string{"X-Client": "hc-hidden"},
		},
		Proxy: "socks5://bob:pw-hidden@10.0.0.2:1080", ProxyFallbackToDirect: &no, Weight: 3, Priority: -2, Groups: []string{"a", "b"},
		Models: map[string]string{"gpt-5": "gpt-5-mini"}, Limits: []resource.Limit{{Unit: "usd", Max: 2.5, Window: "day", Zone: "Europe/Berlin"}},
		PriceRate: 0.75, Schedule: &resource.Schedule{Zone: "UTC", Spans: []resource.Span{{Days: []string{"monday"}, From: "09:00", To: "17:00"}}},
		Health: &resource.Health{Failures: 7, Rest: resource.Duration(time.Minute)}, Header: map[string]string{"X-Team": "ht-hidden"},
	}
}

func accounts(t *testing.T, w world) {
	db := open(t, config(t, w.fresh(t)))
	ctx := t.Context()
	_, v0, err := db.Accounts(ctx)
	require.NoError(t, err)
	made, err := db.CreateAccount(ctx, full("main"))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(made.ID, "acc_"))
	want := full("main")
	want.ID, want.CreatedAt, want.UpdatedAt = made.ID, made.CreatedAt, made.UpdatedAt
	assert.Equal(t, want, made)
	assert.WithinDuration(t, time.Now(), made.CreatedAt, time.Minute)
	plain, err := db.CreateAccount(ctx, resource.Account{Name: "bare", Provider: "gemini"})
	require.NoError(t, err)
	assert.Nil(t, plain.ProxyFallbackToDirect, "it says nothing")
	assert.True(t, *plain.Enabled)
	_, err = db.CreateAccount(ctx, resource.Account{Name: "bare", Provider: "gemini"})
	require.ErrorIs(t, err, resource.ErrConflict)

	list, v2, err := db.Accounts(ctx)
	require.NoError(t, err)
	assert.Equal(t, []resource.Account{plain, made}, list)
	assert.Equal(t, v0+2, v2)

	changed := plain
	changed.Name, changed.Secret, changed.Proxy = "better", resource.NewSecret("sk-hidden-2"), "direct"
	changed, err = db.UpdateAccount(ctx, changed)
	require.NoError(t, err)
	assert.Equal(t, "sk-hidden-2", changed.Secret.Reveal())
	assert.True(t, changed.UpdatedAt.After(plain.UpdatedAt), "however soon")
	_, err = db.UpdateAccount(ctx, plain)
	require.ErrorIs(t, err, resource.ErrConflict, "it is another by now")
	plain.UpdatedAt = time.Time{}
	_, err = db.UpdateAccount(ctx, plain)
	require.NoError(t, err, "the last one wins")
	plain.Name = "main"
	_, err = db.UpdateAccount(ctx, plain)
	require.ErrorIs(t, err, resource.ErrConflict, "the name is taken")

	version, err := db.AccountsVersion(ctx)
	require.NoError(t, err)
	assert.Equal(t, v0+4, version, "what fails changes nothing")
	require.NoError(t, db.DeleteAccount(ctx, made.ID))
	for _, err := range []error{
		db.DeleteAccount(ctx, made.ID), second(db.Account(ctx, made.ID)), second(db.UpdateAccount(ctx, made)),
		db.SaveTokens(ctx, made.ID, provider.OAuthTokens{}),
	} {
		require.ErrorIs(t, err, resource.ErrNotFound)
	}
	long := full("long")
	long.Proxy = "http://" + strings.Repeat("h", 506)
	require.ErrorContains(t, second(db.CreateAccount(ctx, long)), "proxy_url has 513 bytes, of at most 512")
	long.Proxy = long.Proxy[:512]
	require.NoError(t, second(db.CreateAccount(ctx, long)))
}

func second[T any](_ T, err error) error { return err }

func tokens(t *testing.T, w world) {
	db := open(t, config(t, w.fresh(t)))
	a, err := db.CreateAccount(t.Context(), full("main"))
	require.NoError(t, err)
	before, err := db.AccountsVersion(t.Context())
	require.NoError(t, err)
	expiry := time.Unix(1950000000, 0).UTC()
	require.NoError(t, db.SaveTokens(t.Context(), a.ID, provider.OAuthTokens{AccessToken: "at-hidden-2", RefreshToken: "rt-hidden-2", Expiry: expiry}))
	got, err := db.Account(t.Context(), a.ID)
	require.NoError(t, err)
	assert.Equal(t, "at-hidden-2", got.OAuth.AccessToken.Reveal())
	assert.Equal(t, "rt-hidden-2", got.OAuth.RefreshToken.Reveal())
	assert.Equal(t, expiry, got.OAuth.Expiry)
	assert.Equal(t, "cs-hidden", got.OAuth.ClientSecret.Reveal())
	_, err = db.UpdateAccount(t.Context(), a)
	require.ErrorIs(t, err, resource.ErrConflict, "who read it before must not put the old tokens back")
	after, err := db.AccountsVersion(t.Context())
	require.NoError(t, err)
	assert.Equal(t, before+1, after)
}

func accountsAtOnce(t *testing.T, w world) {
	db := open(t, config(t, w.fresh(t)))
	const n = 8
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			a, err := db.CreateAccount(t.Context(), full(fmt.Sprint(i)))
			if !assert.NoError(t, err) {
				return
			}
			for range 3 {
				assert.NoError(t, db.SaveTokens(t.Context(), a.ID, provider.OAuthTokens{AccessToken: "x"}))
				db.Record(request(i))
			}
		})
	}
	wg.Wait()
	version, err := db.AccountsVersion(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 4*n, version)
	agree(t, db)
}

func keys(t *testing.T, w world) {
	db := open(t, config(t, w.fresh(t)))
	ctx := t.Context()
	key := resource.Key{
		Name: "laptop", UserID: "u1", Hint: "gw-ab…yz", Hash: strings.Repeat("a", 64), Expires: time.Unix(1900000000, 0).UTC(),
		Models: []string{"gpt-*"}, Groups: []string{"g"}, RequestsPerMinute: 60, InFlight: 2,
		Quotas: []resource.Quota{{Window: "month", USD: 12.5, Tokens: 1000}}, PriceRate: 1.5,
	}
	made, err := db.CreateKey(ctx, key)
	require.NoError(t, err)
	yes := true
	want := key
	want.ID, want.Enabled, want.CreatedAt, want.UpdatedAt = made.ID, &yes, made.CreatedAt, made.UpdatedAt
	assert.Equal(t, want, made)
	same := key
	same.Name = "another"
	require.ErrorIs(t, second(db.CreateKey(ctx, same)), resource.ErrConflict, "one of each hash")
	byHash, err := db.Key(ctx, key.Hash)
	require.NoError(t, err)
	assert.Equal(t, made, byHash)
	require.ErrorIs(t, second(db.Key(ctx, strings.Repeat("A", 64))), resource.ErrNotFound, "each byte counts")

	no := false
	changed := made
	changed.Enabled, changed.Hash, changed.Hint = &no, "", ""
	changed, err = db.UpdateKey(ctx, changed)
	require.NoError(t, err)
	assert.Equal(t, key.Hash, changed.Hash, "it stays")
	assert.Equal(t, key.Hint, changed.Hint)
	assert.False(t, *changed.Enabled)
	require.ErrorIs(t, second(db.UpdateKey(ctx, made)), resource.ErrConflict, "it was changed since")

	for i := range 4 {
		_, err := db.CreateKey(ctx, resource.Key{UserID: fmt.Sprintf("u%d", i%2+1), Hash: fmt.Sprint(i)})
		require.NoError(t, err)
	}
	var all []string
	cursor := ""
	for {
		page, next, err := db.ListKeys(ctx, resource.KeyFilter{UserID: "u1", Cursor: cursor, Limit: 2})
		require.NoError(t, err)
		for _, k := range page {
			all = append(all, k.ID)
		}
		if cursor = next; next == "" {
			break
		}
	}
	assert.Len(t, all, 3)
	require.NoError(t, db.DeleteKey(ctx, made.ID))
	require.ErrorIs(t, db.DeleteKey(ctx, made.ID), resource.ErrNotFound)
	require.ErrorIs(t, second(db.KeyByID(ctx, made.ID)), resource.ErrNotFound)
	require.ErrorIs(t, second(db.UpdateKey(ctx, made)), resource.ErrNotFound)
}

func TestNoSecretRestsInPlainText(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	db, err := store.Open(t.Context(), store.Config{URL: filepath.Join(folder, "gateway.db"), Key: masterKey})
	require.NoError(t, err)
	a, err := db.CreateAccount(t.Context(), full("main"))
	require.NoError(t, err)
	require.NoError(t, db.SaveTokens(t.Context(), a.ID, provider.OAuthTokens{AccessToken: "at-hidden-2", RefreshToken: "rt-hidden-2"}))
	search := func() {
		files, err := os.ReadDir(folder)
		require.NoError(t, err)
		found := false
		for _, f := range files {
			data, err := os.ReadFile(filepath.Join(folder, f.Name()))
			require.NoError(t, err)
			assert.NotContains(t, string(data), "hidden", f.Name())
			found = found || strings.Contains(string(data), "socks5://bob:***@10.0.0.2:1080")
		}
		assert.True(t, found, "the proxy is told without its password")
	}
	search() // the log of what is written too
	shut(t, db)
	search()
}

func TestASecretIsOfItsPlace(t *testing.T) {
	t.Parallel()
	db := open(t, config(t, filepath.Join(t.TempDir(), "gateway.db")))
	a, err := db.CreateAccount(t.Context(), full("a"))
	require.NoError(t, err)
	b, err := db.CreateAccount(t.Context(), full("b"))
	require.NoError(t, err)
	_, err = db.SQL().ExecContext(t.Context(), "UPDATE accounts SET secret = (SELECT secret FROM accounts WHERE id = ?) WHERE id = ?", a.ID, b.ID)
	require.NoError(t, err)
	_, err = db.Account(t.Context(), b.ID)
	require.ErrorContains(t, err, "it is damaged, or was moved here from elsewhere")
	assert.NotContains(t, err.Error(), "hidden")
}

func TestAProxyThatCannotBeReadIsKeptAllTheSame(t *testing.T) {
	t.Parallel()
	db := open(t, config(t, filepath.Join(t.TempDir(), "gateway.db")))
	a, err := db.CreateAccount(t.Context(), resource.Account{Name: "a", Proxy: "gopher://bob:hidden@[::1"})
	require.NoError(t, err)
	assert.Equal(t, "gopher://bob:hidden@[::1", a.Proxy)
	assert.Equal(t, "***", query[string](t, db, "SELECT proxy_url FROM accounts"))
}

func TestWhatCannotBeKeptIsInvalid(t *testing.T) {
	t.Parallel()
	db := open(t, config(t, filepath.Join(t.TempDir(), "gateway.db")))
	for name, err := range map[string]error{
		"no name":     second(db.CreateAccount(t.Context(), resource.Account{})),
		"a long name": second(db.CreateAccount(t.Context(), resource.Account{Name: strings.Repeat("n", 129)})),
		"a zero byte": second(db.CreateAccount(t.Context(), resource.Account{Name: "a\x00"})),
		"no UTF-8":    second(db.CreateKey(t.Context(), resource.Key{Name: "\xff", Hash: "h"})),
		"a long user": second(db.CreateKey(t.Context(), resource.Key{UserID: strings.Repeat("u", 129), Hash: "h"})),
	} {
		assert.ErrorIs(t, err, resource.ErrInvalid, name)
	}
}
