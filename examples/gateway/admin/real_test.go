package admin_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/admin"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/examples/gateway/store"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

// onReal is the API with the store and the server that the gateway has.
type onReal struct {
	world
	db       *store.DB
	server   *server.Server
	upstream *httptest.Server
}

func newReal(t *testing.T) *onReal {
	w := &onReal{world: world{t: t}}
	fake := providertest.OpenAI(providertest.Config{})
	w.upstream = httptest.NewServer(fake)
	t.Cleanup(w.upstream.Close)
	log := slog.New(slog.NewJSONHandler(io.MultiWriter(&recorded, &w.world), nil))
	var err error
	w.db, err = store.Open(t.Context(), store.Config{URL: filepath.Join(t.TempDir(), "gateway.db"), Key: make([]byte, 32), Logger: log, Flush: 10 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.db.Close(t.Context())) })
	counts := quota.NewMemory(quota.MemoryConfig{})
	w.server, err = server.New(t.Context(), server.Config{Store: w.db, Quota: counts, Logger: log})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.server.Close()) })
	w.handler, err = admin.New(admin.Config{
		Gateway: w.server, Store: w.db, TokenHash: hashOf(token), Quota: counts, Validate: w.server.Validate, Logger: log,
	})
	require.NoError(t, err)
	return w
}

// ask sends a request as a client.
func (w *onReal) ask(secret string) int {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+secret)
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	return rec.Code
}

// account makes an account at the upstream, and returns its path.
func (w *onReal) account(name string, change object) string {
	w.t.Helper()
	in := account(name, change)
	in["base_url"] = w.upstream.URL + "/v1"
	return "/accounts/" + w.ok(201, "POST", "/accounts", in).object()["id"].(string)
}

// An account serves from the answer to its creation on, and as it was changed last.
func TestAccountsWithTheServer(t *testing.T) {
	w := newReal(t)
	_, secret := w.key(object{"name": "ci"})
	assert.Equal(t, 503, w.ask(secret))
	path := w.account("a", object{"limits": []object{{"unit": "requests", "max": 50, "window": "1m"}}, "header": object{"X-Extra": mark}})
	assert.Equal(t, 200, w.ask(secret))
	probe := func(change any) any { return w.ok(200, "POST", path+"/probe", change).object()["ok"] }
	got := w.ok(200, "POST", path+"/probe", nil).object()
	assert.Equal(t, true, got["ok"])
	assert.Equal(t, true, got["route"].(object)["success"])

	acc := w.ok(200, "PATCH", path, object{"proxy_url": proxied}).object()
	w.ok(200, "PATCH", path, object{"proxy_url": acc["proxy_url"], "priority": 3})
	kept, err := w.db.Account(t.Context(), acc["id"].(string))
	require.NoError(t, err)
	assert.Equal(t, proxied, kept.Proxy)
	assert.Equal(t, "sk-"+mark+"-a", kept.Secret.Reveal())
	assert.Equal(t, false, probe(nil), "there is no proxy")
	assert.Equal(t, true, probe(object{"proxy_url": nil}))
	w.ok(200, "PATCH", path, object{"proxy_url": nil})
	w.ok(200, "POST", path+"/reset", nil)
	assert.Equal(t, 200, w.ask(secret))

	w.send("POST", "/accounts", account("a", nil)).failed(409, "name_taken", "name")
	w.send("POST", "/accounts", account("b", object{"base_url": "http://169.254.169.254/v1"})).failed(400, "invalid", "base_url")
	w.send("PATCH", "/accounts/acc_none", object{}).failed(404, "not_found", "")
	w.ok(200, "GET", "/snapshot?limits=true", nil)
	w.ok(200, "POST", path+"/disable", nil)
	assert.Equal(t, 503, w.ask(secret))
	w.ok(200, "POST", path+"/enable", nil)
	assert.Equal(t, 200, w.ask(secret))
	w.ok(204, "DELETE", path, nil)
	assert.Equal(t, 503, w.ask(secret))
	w.send("GET", path, nil).failed(404, "not_found", "")
}

// A key is served as it was changed last.
func TestKeysWithTheServer(t *testing.T) {
	w := newReal(t)
	w.account("a", nil)
	id, secret := w.key(object{"name": "ci", "requests_per_minute": 100, "quotas": []object{{"window": "day", "usd": 5}}})
	path := "/keys/" + id
	assert.Equal(t, 200, w.ask(secret))
	w.ok(200, "POST", path+"/disable", nil)
	assert.Equal(t, 401, w.ask(secret))
	w.ok(200, "POST", path+"/enable", nil)
	assert.Equal(t, 200, w.ask(secret))
	var rotated struct{ Secret string }
	w.ok(200, "POST", path+"/rotate", nil).into(&rotated)
	assert.Equal(t, 401, w.ask(secret))
	assert.Equal(t, 200, w.ask(rotated.Secret))
	levels := w.ok(200, "GET", path+"/usage", nil).object()["levels"].([]any)
	assert.InDelta(t, 3, levels[0].(object)["used"], 0)
	w.ok(200, "PATCH", path, object{"requests_per_minute": 3})
	assert.Equal(t, 429, w.ask(rotated.Secret))
	w.ok(200, "POST", path+"/usage/grant", object{"requests": 1})
	assert.Equal(t, 200, w.ask(rotated.Secret))
	w.ok(200, "POST", path+"/usage/reset", nil)
	assert.Equal(t, 200, w.ask(rotated.Secret))
	w.ok(204, "DELETE", path, nil)
	assert.Equal(t, 401, w.ask(rotated.Secret))
	for i := range 3 {
		w.key(object{"name": fmt.Sprintf("k%d", i)})
	}
	page := w.ok(200, "GET", "/keys?limit=2", nil).object()
	assert.Len(t, w.ok(200, "GET", "/keys?limit=2&cursor="+page["next_cursor"].(string), nil).object()["data"], 1)
}

// What was asked is in the log and in the sums.
func TestRecordsWithTheStore(t *testing.T) {
	w := newReal(t)
	id, secret := w.key(object{"name": "ci", "user_id": "u1"})
	assert.Equal(t, 503, w.ask(secret))
	w.account("a", nil)
	for range 4 {
		assert.Equal(t, 200, w.ask(secret))
	}
	require.NoError(t, w.db.Flush(t.Context()))
	var ids []string
	for cursor := ""; ; {
		page := w.ok(200, "GET", "/requests?limit=2&key_id="+id+"&cursor="+cursor, nil).object()
		for _, r := range page["data"].([]any) {
			ids = append(ids, r.(object)["id"].(string))
		}
		next, more := page["next_cursor"]
		if !more {
			break
		}
		cursor = next.(string)
	}
	assert.Len(t, ids, 5)
	assert.Equal(t, "a", w.ok(200, "GET", "/requests/"+ids[0], nil).object()["account"])
	assert.Len(t, w.ok(200, "GET", "/requests?status=5xx", nil).object()["data"], 1)
	total := w.ok(200, "GET", "/usage?user_id=u1", nil).object()["total"].(object)
	assert.InDelta(t, 5, total["requests"], 0)
	assert.InDelta(t, 4, w.ok(200, "GET", "/usage/accounts?account=a", nil).object()["total"].(object)["attempts"], 0)
}

// A request in flight is listed, and can be ended.
func TestSlotsWithTheServer(t *testing.T) {
	w := newReal(t)
	_, secret := w.key(object{"name": "ci"})
	held := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(held)
		<-r.Context().Done()
	}))
	defer slow.Close()
	w.ok(201, "POST", "/accounts", account("a", object{"base_url": slow.URL + "/v1"}))
	done := make(chan int)
	go func() { done <- w.ask(secret) }()
	<-held
	slots := w.ok(200, "GET", "/slots?account=a", nil).object()["data"].([]any)
	require.Len(t, slots, 1)
	w.ok(204, "DELETE", "/slots/"+slots[0].(object)["id"].(string), nil)
	assert.Equal(t, 502, <-done)
}

// A gateway without accounts shows an empty list.
func TestNoAccountIsShownWhereThereIsNone(t *testing.T) {
	w := newReal(t)
	for _, path := range []string{"/snapshot", "/snapshot?limits=false"} {
		got := w.ok(200, "GET", path, nil)
		assert.Empty(t, got.object()["accounts"], path)
	}
	path := w.account("main", nil)
	assert.Len(t, w.ok(200, "GET", "/snapshot", nil).object()["accounts"], 1)
	w.ok(204, "DELETE", path, nil)
	assert.Equal(t, []any{}, w.ok(200, "GET", "/snapshot", nil).object()["accounts"])
}
