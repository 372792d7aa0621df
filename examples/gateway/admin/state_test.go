package admin_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider/providertest"
)

func TestSnapshot(t *testing.T) {
	w := newWorld(t)
	w.create("a", object{"proxy_url": proxied, "priority": -1, "limits": []object{{"unit": "requests", "max": 9, "window": "1h"}}})
	require.Equal(t, 200, w.gateway.ask(t, balancer.Hint{Session: "s", Tenant: "u"}))
	got := w.ok(200, "GET", "/snapshot", nil).object()
	assert.Len(t, got["accounts"], 2)
	assert.Len(t, got["providers"], 1)
	assert.Len(t, got["sessions"], 1)
	assert.NotContains(t, got["accounts"].([]any)[1], "limits")
	got = w.ok(200, "GET", "/snapshot?limits=true", nil).object()
	limits := got["accounts"].([]any)[1].(object)["limits"].([]any)
	assert.InDelta(t, 1, limits[0].(object)["used"], 0)
	w.send("GET", "/snapshot?limits=perhaps", nil).failed(400, "invalid", "limits")
}

func TestRests(t *testing.T) {
	w := newWorld(t)
	b := w.gateway.b
	for _, name := range []string{"a", "b", "c"} {
		w.create(name, nil)
	}
	assert.Empty(t, w.ok(200, "GET", "/rests", nil).object()["data"])
	for _, name := range []string{"a", "b"} {
		w.gateway.fake.ScriptFor("sk-"+mark+"-"+name, providertest.QuotaExhausted())
		w.gateway.ask(t, balancer.Hint{Account: name})
	}
	require.NoError(t, b.Disable(t.Context(), "c", "too dear"))
	list := func(query string) []any { return w.ok(200, "GET", "/rests"+query, nil).object()["data"].([]any) }
	all := list("")
	require.GreaterOrEqual(t, len(all), 3)
	assert.Len(t, list("?kind=account"), 3)
	assert.Empty(t, list("?kind=proxy"))
	w.send("GET", "/rests?kind=moon", nil).failed(400, "invalid", "kind")

	var seen []any
	for cursor := ""; ; {
		page := w.ok(200, "GET", "/rests?limit=1&cursor="+cursor, nil).object()
		seen = append(seen, page["data"].([]any)...)
		next, more := page["next_cursor"]
		if !more {
			break
		}
		cursor = next.(string)
	}
	assert.Len(t, seen, len(all))

	for _, one := range list("?kind=account") {
		if rest := one.(object); rest["name"] == "a" {
			w.ok(204, "DELETE", "/rests/"+rest["id"].(string), nil)
			w.send("DELETE", "/rests/"+rest["id"].(string), nil).failed(404, "not_found", "")
		}
	}
	assert.Equal(t, 200, w.gateway.ask(t, balancer.Hint{Account: "a"}))
	assert.Positive(t, w.ok(200, "DELETE", "/rests", nil).object()["count"])
	left := list("")
	require.Len(t, left, 1, "what a person disabled stays so")
	assert.Equal(t, "too dear", left[0].(object)["reason"])
	w.ok(204, "DELETE", "/rests/"+left[0].(object)["id"].(string), nil)
	assert.Equal(t, 200, w.gateway.ask(t, balancer.Hint{Account: "c"}))
	w.send("DELETE", "/rests/eA", nil).failed(404, "not_found", "")
	w.send("DELETE", "/rests?kind=moon", nil).failed(400, "invalid", "kind")
}

func TestSessions(t *testing.T) {
	w := newWorld(t)
	w.create("spare", object{"priority": 9})
	for i := range 5 {
		require.Equal(t, 200, w.gateway.ask(t, balancer.Hint{Session: fmt.Sprintf("s%d/ü", i), Tenant: fmt.Sprintf("u%d", i%2)}))
	}
	list := func(query string) []any { return w.ok(200, "GET", "/sessions"+query, nil).object()["data"].([]any) }
	assert.Len(t, list(""), 5)
	assert.Len(t, list("?tenant=u1"), 2)
	assert.Empty(t, list("?tenant="))
	assert.Len(t, list("?account=main"), 5)
	page := w.ok(200, "GET", "/sessions?limit=3", nil).object()
	assert.Len(t, page["data"], 3)
	assert.Len(t, list("?limit=3&cursor="+page["next_cursor"].(string)), 2)

	id := list("?tenant=u1")[0].(object)["id"].(string)
	w.ok(204, "DELETE", "/sessions/"+id, nil)
	w.send("DELETE", "/sessions/"+id, nil).failed(404, "not_found", "")
	w.send("DELETE", "/sessions/none", nil).failed(404, "not_found", "")
	w.send("DELETE", "/sessions", nil).failed(400, "invalid", "tenant")
	w.send("DELETE", "/sessions?tenant=u0&all=true", nil).failed(400, "invalid", "tenant")
	assert.Len(t, list(""), 4)
	assert.Equal(t, object{"count": 3.0}, w.ok(200, "DELETE", "/sessions?tenant=u0", nil).object())
	assert.Equal(t, object{"count": 1.0}, w.ok(200, "DELETE", "/sessions?all=true", nil).object())
	assert.Empty(t, list(""))
}

func TestSlots(t *testing.T) {
	w := newWorld(t)
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 3 {
		w.gateway.active = append(w.gateway.active, resource.Active{
			ID: fmt.Sprintf("req_%d", i), KeyID: fmt.Sprintf("key_%d", i%2), Account: "main", API: "openai", Path: "/v1/responses", Since: began.Add(time.Duration(i) * time.Second),
		})
	}
	list := func(query string) []any { return w.ok(200, "GET", "/slots"+query, nil).object()["data"].([]any) }
	assert.Len(t, list(""), 3)
	assert.Len(t, list("?key_id=key_0"), 2)
	assert.Empty(t, list("?user_id=u"))
	assert.Len(t, list("?account=main&limit=2"), 2)
	w.ok(204, "DELETE", "/slots/req_1", nil)
	w.send("DELETE", "/slots/req_1", nil).failed(404, "not_found", "")
	assert.Len(t, list(""), 2)
	assert.Contains(t, w.logged(), `"action":"cancelSlot","id":"req_1"`)
}

// An account that was disabled while it served says how it is enabled here, not in Go.
func TestADisabledAccountSaysHowItIsEnabledHere(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.gateway.b.Disable(t.Context(), "main", "refused twice"))
	for _, path := range []string{"/snapshot", "/snapshot?limits=true", "/accounts"} {
		got := w.ok(200, "GET", path, nil).Body
		assert.Contains(t, got, "disabled: refused twice (POST /admin/v1/accounts/{id}/enable ends that)", path)
		assert.NotContains(t, got, "Transport.Enable", path)
	}
}
