package admin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/admin"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/quota"
)

// A provider that does not answer ends with a report that says so.
func TestProbeThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *admin.Config) { c.ProbeTimeout = 5 * time.Second })
		w.gateway.fake.Always(providertest.Hang())
		began := time.Now()
		got := w.ok(200, "POST", "/accounts/probe", account("new", nil)).object()
		assert.Equal(t, false, got["ok"])
		assert.LessOrEqual(t, time.Since(began), 6*time.Second)
		w.gateway.fake.Always(providertest.OK())
	})
}

// A body that does not come holds no connection for long.
func TestSlowBody(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) { c.Timeout = 200 * time.Millisecond })
	server := httptest.NewServer(w.handler)
	defer server.Close()
	body, hold := io.Pipe()
	defer func() { _ = hold.Close() }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/admin/v1/keys", body)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, 408, resp.StatusCode)
	assert.Empty(t, w.store.keys)
	server.Client().CloseIdleConnections()
}

// A quota store that is broken, or cannot do something, is told as that.
func TestQuotaStoreThatFails(t *testing.T) {
	guard := quota.NewGuard(reserveOnly{}, quota.GuardConfig{})
	w := newWorld(t, func(c *admin.Config) { c.Quota = guard })
	id, _ := w.key(object{"name": "a", "requests_per_minute": 5})
	w.send("GET", "/keys/"+id+"/usage", nil).failed(501, "unsupported", "")
	w.send("POST", "/keys/"+id+"/usage/grant", object{"requests": 1}).failed(501, "unsupported", "")

	broken := quota.NewGuard(brokenQuota{Memory: quota.NewMemory(quota.MemoryConfig{})}, quota.GuardConfig{})
	w = newWorld(t, func(c *admin.Config) { c.Quota = broken })
	id, _ = w.key(object{"name": "a", "requests_per_minute": 5})
	w.send("GET", "/keys/"+id+"/usage", nil).failed(503, "unavailable", "")
}

// reserveOnly is a quota store without any of the optional methods.
type reserveOnly struct{ quota.Store }

// brokenQuota is a quota store whose levels cannot be read.
type brokenQuota struct{ *quota.Memory }

func (brokenQuota) Levels(_ context.Context, _ string, _ []quota.Limit) ([]quota.Level, error) {
	return nil, errors.New("connection refused")
}

// A gateway that is shutting down says so.
func TestClosedGateway(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.gateway.b.Close())
	got := w.send("GET", "/accounts", nil)
	assert.Contains(t, []int{200, 503}, got.Status)
	id := w.ok(200, "GET", "/accounts", nil).object()["data"].([]any)[0].(object)["id"].(string)
	w.send("POST", "/accounts/"+id+"/probe", nil).failed(503, "unavailable", "")
}

// Many at the same time get whole answers, and what they change lasts.
func TestAtTheSameTime(t *testing.T) {
	w := newWorld(t)
	id := w.create("a", nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				method, path, body := "PATCH", "/accounts/"+id, fmt.Sprintf(`{"weight":%d}`, i*10+j+1)
				switch j % 4 {
				case 1:
					method, path, body = "GET", "/accounts", ""
				case 2:
					method, path, body = "POST", "/keys", fmt.Sprintf(`{"name":"k-%d-%d"}`, i, j)
				}
				r := httptest.NewRequest(method, "/admin/v1"+path, strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+token)
				r.Header.Set("Content-Type", "application/json")
				rec := httptest.NewRecorder()
				w.handler.ServeHTTP(rec, r)
				assert.Contains(t, []int{200, 201, 409}, rec.Code, rec.Body.String())
			}
		})
	}
	wg.Wait()
	assert.Positive(t, w.store.accounts[id].Weight)
	assert.Len(t, w.ok(200, "GET", "/keys?limit=1000", nil).object()["data"], 17)
}

// Whatever the body, the answer is one that is described, and nothing is stored that the
// gateway cannot read.
func FuzzAccount(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","provider":"openai","secret":"x"}`, `{"name":"a","provider":"openai","oauth":{"token_url":"https://a/b","refresh_token":"r"}}`,
		`{"limits":[{"unit":"usd","max":1e308,"window":"month","on":"31"}],"models":{"*":"a*"}}`, `{"schedule":{"spans":[{"from":"22:00","to":"06:00"}]},"health":{"rest":"1h"}}`,
		`{"proxy_url":"socks5://u:***@h:1"}`, `null`, `[{}]`, `{"a":`, `{"header":{"X":"***"}}`, `{"weight":1e400}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := newWorld(t)
		if body == "" {
			return
		}
		got := w.send("POST", "/accounts", body)
		if got.Status != 201 {
			require.Less(t, got.Status, 500, got.Body)
			return
		}
		id := got.object()["id"].(string)
		w.ok(200, "GET", "/accounts/"+id, nil)
		got = w.send("PATCH", "/accounts/"+id, body)
		require.Less(t, got.Status, 500, got.Body)
	})
}
