package main_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/admin"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/examples/gateway/store"
	"github.com/aitransport/aitransport/quota"
)

// What README.md shows to who embeds the gateway, word for word, stands between here and
// TestWhatTheReadmeEmbedsIsCompiledHere.

func ownLogin(ctx context.Context, mux *http.ServeMux, yours server.Store, login func(*http.Request) (user string, ok bool)) (*server.Server, error) {
	gw, err := server.New(ctx, server.Config{
		Store: yours, // four methods
		Authenticate: func(r *http.Request) (resource.Key, error) {
			user, ok := login(r)
			if !ok {
				return resource.Key{}, server.ErrUnauthorized
			}
			return resource.Key{ID: "login-" + user, UserID: user}, nil
		},
		Accounts: []resource.Account{{Name: "main", Provider: "openai", Secret: resource.NewSecret(os.Getenv("OPENAI_API_KEY"))}},
		Logger:   slog.Default(), // without it the gateway is silent
	})
	if err != nil {
		return nil, err
	}
	mux.Handle("/ai/", http.StripPrefix("/ai", gw))
	return gw, nil // gw.Close, or gw.Shutdown to let requests finish
}

func everything(ctx context.Context, mux *http.ServeMux, database string, masterKey []byte, adminToken, ciKey string) (end func(context.Context) error, err error) {
	db, err := store.Open(ctx, store.Config{URL: database, Key: masterKey}) // a path, postgres://… or mysql://…; 32 bytes
	if err != nil {
		return nil, err
	}
	// What the server and the admin API have to know alike.
	counts := quota.NewMemory(quota.MemoryConfig{}) // or a redisquota.Store, a sqlquota.Store on db.SQL(), …
	accounts := []resource.Account{{Name: "main", Provider: "openai", Secret: resource.NewSecret(os.Getenv("OPENAI_API_KEY"))}}
	keys := []resource.Key{{ID: "key_ci", Name: "ci", Hash: hashOf(ciKey), RequestsPerMinute: 60}}

	gw, err := server.New(ctx, server.Config{Store: db, Quota: counts, Accounts: accounts, Keys: keys, Logger: slog.Default()})
	if err != nil {
		return nil, errors.Join(err, db.Close(ctx))
	}
	end = func(ctx context.Context) error { return errors.Join(gw.Shutdown(ctx), db.Close(ctx)) }
	api, err := admin.New(admin.Config{
		Gateway: gw, Store: db, TokenHash: hashOf(adminToken), Quota: counts, Accounts: accounts, Keys: keys,
		Validate: gw.Validate, ClientIP: gw.ClientIP,
	})
	if err != nil {
		return nil, errors.Join(err, end(ctx))
	}
	mux.Handle("/ai/", http.StripPrefix("/ai", gw))
	mux.Handle("/admin/v1/", api)
	return end, nil
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func TestWhatTheReadmeEmbedsIsCompiledHere(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	this, err := os.ReadFile("embed_test.go")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		assert.Contains(t, string(this), block[1])
	}
}

// nothing keeps nothing.
type nothing struct{}

func (nothing) Key(context.Context, string) (resource.Key, error) {
	return resource.Key{}, resource.ErrNotFound
}
func (nothing) Accounts(context.Context) ([]resource.Account, int64, error) { return nil, 1, nil }
func (nothing) AccountsVersion(context.Context) (int64, error)              { return 1, nil }
func (nothing) Record(resource.Request)                                     {}

func TestAProgramMountsTheGatewayWithItsOwnLogin(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-1")
	mux := http.NewServeMux()
	gw, err := ownLogin(t.Context(), mux, nothing{}, func(r *http.Request) (string, bool) { return "ada", r.Header.Get("X-Staff") == "ada" })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gw.Close()) })
	for who, want := range map[string]int{"ada": http.StatusBadRequest, "eve": http.StatusUnauthorized} {
		req := httptest.NewRequest(http.MethodPost, "/ai/v1/chat/completions", strings.NewReader("no JSON"))
		req.Header.Set("X-Staff", who)
		req.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, req)
		assert.Equal(t, want, rec.Code, "%s: %s", who, rec.Body)
	}
}

func TestAProgramMountsTheGatewayWithItsAdminAPI(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-1")
	mux := http.NewServeMux()
	end, err := everything(t.Context(), mux, t.TempDir()+"/gateway.db", []byte(strings.Repeat("k", 32)), "0123456789abcdef", "fedcba9876543210")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, end(context.WithoutCancel(t.Context()))) })
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	ask := func(path, token string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+path, http.NoBody)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		return do(t, req)
	}
	for path, has := range map[string]string{
		"/admin/v1/accounts": `"name":"main"`, "/admin/v1/keys": `"name":"ci"`, "/admin/v1/keys/key_ci/usage": `"max":60`,
	} {
		status, body := ask(path, "0123456789abcdef")
		assert.Equal(t, 200, status, body)
		assert.Contains(t, body, has, "%s: %s", path, body)
	}
	req := httptest.NewRequest(http.MethodPost, "/ai/v1/chat/completions", strings.NewReader("no JSON"))
	req.Header.Set("Authorization", "Bearer fedcba9876543210")
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, req)
	assert.Equal(t, http.StatusBadRequest, rec.Code, "the gateway knows the key: %s", rec.Body)
}
