package admin_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

func TestRequests(t *testing.T) {
	w := newWorld(t)
	start := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	for i := range 5 {
		w.store.requests = append(w.store.requests, resource.Request{
			ID: fmt.Sprintf("req_%d", i), API: "openai", Operation: "chat", Status: 200 + 100*i, Account: "main", Start: start,
			Trail: json.RawMessage(`[{"account":"main","status":200}]`), Attempts: []resource.Attempt{{Account: "main"}},
		})
	}
	page := w.ok(200, "GET", "/requests?limit=2", nil).object()
	assert.Len(t, page["data"], 2)
	page = w.ok(200, "GET", "/requests?limit=2&cursor="+page["next_cursor"].(string), nil).object()
	assert.Equal(t, "req_2", page["data"].([]any)[0].(object)["id"])
	w.ok(200, "GET", "/requests?user_id=u&key_id=k&account=a&model=m&status=4xx&since=2026-01-31T09:00:00Z&until=2026-02-01T00:00:00%2B01:00", nil)
	asked := w.store.asked[len(w.store.asked)-1]
	assert.Equal(t, resource.RequestFilter{
		UserID: "u", KeyID: "k", Account: "a", Model: "m", Status: 4, Since: start, Until: time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC), Limit: 50,
	}, asked)
	assert.Empty(t, w.ok(200, "GET", "/requests?status=404", nil).object()["data"])
	assert.Len(t, w.ok(200, "GET", "/requests?status=400", nil).object()["data"], 1)
	for query, field := range map[string]string{
		"status=7": "status", "status=abc": "status", "status=600": "status", "since=now": "since", "until=2026-01-31": "until", "limit=-1": "limit", "cursor=%2A": "cursor",
	} {
		w.send("GET", "/requests?"+query, nil).failed(400, "invalid", field)
	}
	assert.Equal(t, "req_1", w.ok(200, "GET", "/requests/req_1", nil).object()["id"])
	w.send("GET", "/requests/req_9", nil).failed(404, "not_found", "")
}

func TestUsage(t *testing.T) {
	w := newWorld(t)
	w.store.usage = []resource.DailyUsage{
		{Date: "2026-01-31", KeyID: "k", Model: "gpt-5", Requests: 3, InputTokens: 10, OutputTokens: 5, Cost: 100, Charged: 200},
		{Date: "2026-01-30", KeyID: "k", Model: "gpt-5", Requests: 1, InputTokens: 1, OutputTokens: 1, Cost: 10, Charged: 20},
	}
	got := w.ok(200, "GET", "/usage?user_id=u&key_id=k&model=gpt-5&from=2026-01-01&to=2026-01-31", nil).object()
	assert.Equal(t, object{"requests": 4.0, "input_tokens": 11.0, "output_tokens": 6.0, "cost": 110.0, "charged": 220.0}, got["total"])
	assert.Equal(t, false, got["more"])
	assert.Equal(t, resource.UsageFilter{UserID: "u", KeyID: "k", Model: "gpt-5", From: "2026-01-01", To: "2026-01-31", Limit: 1000}, w.store.days[0])
	got = w.ok(200, "GET", "/usage?limit=1", nil).object()
	assert.Equal(t, true, got["more"])
	w.send("GET", "/usage?from=yesterday", nil).failed(400, "invalid", "from")
	w.send("GET", "/usage?limit=100001", nil).failed(400, "invalid", "limit")

	w.store.attempts = []resource.AccountUsage{{Date: "2026-01-31", Account: "main", Attempts: 4, Cost: 9}, {Date: "2026-01-31", Account: "a", Attempts: 1, Cost: 1}}
	got = w.ok(200, "GET", "/usage/accounts?account=main&to=2026-01-31", nil).object()
	assert.Equal(t, object{"attempts": 4.0, "cost": 9.0}, got["total"])
	w.send("GET", "/usage/accounts?to=x", nil).failed(400, "invalid", "to")
}
