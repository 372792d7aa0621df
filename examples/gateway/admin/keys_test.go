package admin_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/admin"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/quota"
)

// key makes a key, and returns its id and secret.
func (w *world) key(in object) (id, secret string) {
	w.t.Helper()
	var got struct {
		Key    resource.Key
		Secret string
	}
	w.ok(201, "POST", "/keys", in).into(&got)
	return got.Key.ID, got.Secret
}

func TestCreateKey(t *testing.T) {
	w := newWorld(t)
	got := w.ok(201, "POST", "/keys", object{
		"name": "ci", "user_id": "u1", "expires_at": "2030-01-01T00:00:00Z", "models": []string{"gpt-*"}, "groups": []string{"team"},
		"requests_per_minute": 60, "in_flight": 3, "price_rate": 2, "quotas": []object{{"window": "day", "usd": 5, "tokens": 1000}},
	})
	var made struct {
		Key    resource.Key
		Secret string
	}
	got.into(&made)
	assert.Equal(t, "/admin/v1/keys/"+made.Key.ID, got.Header.Get("Location"))
	kept := w.store.keys[made.Key.ID]
	assert.Equal(t, hashOf(made.Secret), kept.Hash)
	assert.NotContains(t, got.Body, kept.Hash)
	assert.Equal(t, []string{"gpt-*"}, kept.Models)
	assert.Equal(t, made.Secret[:6]+"…"+made.Secret[len(made.Secret)-3:], kept.Hint)
	assert.Equal(t, []string{kept.Hash}, w.gateway.forgotten, "who tried the key before is served now")
	again := w.ok(200, "GET", "/keys/"+made.Key.ID, nil)
	assert.NotContains(t, again.Body, made.Secret)
	_, other := w.key(object{"name": "ci 2"})
	assert.NotEqual(t, made.Secret, other)
}

func TestKeysThatMakeNoSense(t *testing.T) {
	w := newWorld(t)
	id, _ := w.key(object{"name": "a"})
	for field, in := range map[string]object{
		"name":                {"name": ""},
		"user_id":             {"user_id": "two\nlines"},
		"expires_at":          {"expires_at": "tomorrow"},
		"models[1]":           {"models": []string{"a", "*b*"}},
		"models[0]":           {"models": []any{5}},
		"groups[0]":           {"groups": []string{""}},
		"requests_per_minute": {"requests_per_minute": -1},
		"in_flight":           {"in_flight": 1e30},
		"price_rate":          {"price_rate": 1e9},
		"quotas[1]":           {"quotas": []object{{"window": "day", "usd": 1}, {"window": "day"}}},
		"quotas[0]":           {"quotas": []object{{"window": "moon", "usd": 1}}},
		"quotas[0].usd":       {"quotas": []object{{"window": "day", "usd": "1"}}},
		"enabled":             {"enabled": 1},
	} {
		t.Run(field, func(t *testing.T) {
			w.t = t
			before := w.store.keys[id]
			w.send("PATCH", "/keys/"+id, in).failed(400, "invalid", field)
			assert.Equal(t, before, w.store.keys[id])
		})
	}
	w.t = t
	w.send("POST", "/keys", object{}).failed(400, "invalid", "name")
	w.send("POST", "/keys", object{"name": "x", "secret": "mine"}).failed(400, "unknown_field", "secret")
	w.send("POST", "/keys", object{"name": "x", "hint": "mine"}).failed(400, "unknown_field", "hint")
}

func TestChangeKey(t *testing.T) {
	w := newWorld(t)
	id, secret := w.key(object{"name": "a", "models": []string{"gpt-*"}, "in_flight": 3, "expires_at": "2030-01-01T00:00:00Z"})
	w.gateway.forgotten = nil
	w.ok(200, "PATCH", "/keys/"+id, object{"in_flight": nil, "expires_at": nil, "name": "b"})
	kept := w.store.keys[id]
	assert.Equal(t, []string{"gpt-*"}, kept.Models)
	assert.Zero(t, kept.InFlight)
	assert.True(t, kept.Expires.IsZero())
	assert.Equal(t, hashOf(secret), kept.Hash)
	assert.Equal(t, []string{hashOf(secret)}, w.gateway.forgotten)

	got := w.ok(200, "POST", "/keys/"+id+"/disable", nil).object()
	assert.Equal(t, false, got["enabled"])
	got = w.ok(200, "POST", "/keys/"+id+"/enable", nil).object()
	assert.Equal(t, true, got["enabled"])
	assert.Len(t, w.gateway.forgotten, 3)

	var rotated struct{ Secret string }
	w.ok(200, "POST", "/keys/"+id+"/rotate", nil).into(&rotated)
	assert.Equal(t, hashOf(rotated.Secret), w.store.keys[id].Hash)
	assert.NotEqual(t, secret, rotated.Secret)
	assert.Equal(t, []string{hashOf(secret), hashOf(rotated.Secret)}, w.gateway.forgotten[3:])

	w.ok(204, "DELETE", "/keys/"+id, nil)
	assert.Equal(t, hashOf(rotated.Secret), w.gateway.forgotten[5])
	w.send("GET", "/keys/"+id, nil).failed(404, "not_found", "")
}

func TestKeysThatAreNotThere(t *testing.T) {
	w := newWorld(t)
	for method, path := range map[string]string{"GET": "/keys/x", "DELETE": "/keys/x", "POST": "/keys/x/rotate"} {
		w.send(method, path, nil).failed(404, "not_found", "")
	}
	for _, path := range []string{"/keys/x/enable", "/keys/x/disable", "/keys/x/usage/reset"} {
		w.send("POST", path, nil).failed(404, "not_found", "")
	}
	w.send("GET", "/keys/x/usage", nil).failed(404, "not_found", "")
	w.send("PATCH", "/keys/x", object{}).failed(404, "not_found", "")
	w.send("POST", "/keys/x/usage/grant", object{"usd": 1}).failed(404, "not_found", "")
	for _, route := range []string{"enable", "disable", "rotate"} {
		w.send("POST", "/keys/key_file_1/"+route, nil).failed(409, "from_file", "")
	}
	w.send("PATCH", "/keys/key_file_1", object{"name": "x"}).failed(409, "from_file", "")
	w.send("DELETE", "/keys/key_file_1", nil).failed(409, "from_file", "")
	assert.Empty(t, w.gateway.forgotten)
}

func TestListKeys(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) {
		c.Keys = append(c.Keys, resource.Key{ID: "key_file_2", Name: "other", UserID: "u1"})
	})
	for i := range 4 {
		w.key(object{"name": fmt.Sprintf("k%d", i), "user_id": fmt.Sprintf("u%d", i%2)})
	}
	for limit := 1; limit <= 7; limit++ {
		var names []any
		for cursor := ""; ; {
			page := w.ok(200, "GET", fmt.Sprintf("/keys?limit=%d&cursor=%s", limit, cursor), nil).object()
			assert.LessOrEqual(t, len(page["data"].([]any)), limit)
			for _, k := range page["data"].([]any) {
				names = append(names, k.(object)["name"])
			}
			next, more := page["next_cursor"]
			if !more {
				break
			}
			cursor = next.(string)
		}
		assert.Equal(t, []any{"filed", "other", "k0", "k1", "k2", "k3"}, names, "pages of %d", limit)
	}
	assert.Len(t, w.ok(200, "GET", "/keys?user_id=u1", nil).object()["data"], 3)
	w.send("GET", "/keys?cursor=x", nil).failed(400, "invalid", "cursor")
}

// What a key has used is told as it is charged, and can be forgotten, and granted.
func TestUsageOfAKey(t *testing.T) {
	w := newWorld(t)
	id, _ := w.key(object{"name": "a", "price_rate": 2, "in_flight": 3, "requests_per_minute": 10, "quotas": []object{{"window": "day", "usd": 5, "tokens": 1000}}})
	store := w.gateway.quota.(*quota.Memory)
	limits, err := w.store.keys[id].Limits()
	require.NoError(t, err)
	used := quota.Amount{Requests: 4, InputTokens: 100, OutputTokens: 50, Cost: 1_000_000_000}
	reserved, err := store.Reserve(t.Context(), "key/"+id, limits, used, time.Minute)
	require.NoError(t, err)
	levels := func(method, path string, body any) map[string]object {
		got := w.ok(200, method, "/keys/"+id+"/usage"+path, body).object()
		assert.Equal(t, id, got["key_id"])
		by := map[string]object{}
		for _, l := range got["levels"].([]any) {
			by[l.(object)["unit"].(string)] = l.(object)
		}
		return by
	}
	got := levels("GET", "", nil)
	assert.InDelta(t, 1, got["in_flight"]["used"], 0)
	assert.InDelta(t, 4, got["requests"]["used"], 0)
	assert.NotEmpty(t, got["requests"]["empty_at"])
	assert.InDelta(t, 2, got["usd"]["used"], 1e-9, "a dollar paid is two charged")
	assert.InDelta(t, 5, got["usd"]["max"], 1e-9)
	assert.InDelta(t, 3, got["usd"]["left"], 1e-9)
	assert.NotEmpty(t, got["usd"]["resets_at"])
	assert.InDelta(t, 850, got["tokens"]["left"], 0)
	require.NoError(t, store.Settle(t.Context(), reserved, used))

	got = levels("POST", "/grant", object{"usd": 3, "tokens": 200})
	assert.InDelta(t, -1, got["usd"]["used"], 1e-9)
	assert.InDelta(t, -50, got["tokens"]["used"], 0)
	assert.InDelta(t, 4, got["requests"]["used"], 0)
	got = levels("POST", "/reset", nil)
	assert.InDelta(t, 0, got["usd"]["used"], 0)
	assert.InDelta(t, 0, got["requests"]["used"], 0)

	path := "/keys/" + id + "/usage/grant"
	w.send("POST", path, object{}).failed(400, "invalid", "")
	w.send("POST", path, object{"usd": -1}).failed(400, "invalid", "usd")
	w.send("POST", path, object{"usd": 1e12}).failed(400, "invalid", "usd")
	w.send("POST", path, object{"tokens": -1}).failed(400, "invalid", "tokens")
	w.send("POST", path, object{"requests": 1.5}).failed(400, "invalid", "requests")
	free, _ := w.key(object{"name": "free"})
	assert.Empty(t, w.ok(200, "GET", "/keys/"+free+"/usage", nil).object()["levels"])
	w.send("POST", "/keys/"+free+"/usage/grant", object{"usd": 1}).failed(400, "invalid", "")
}

// A store that only reserves cannot be looked into.
func TestUsageThatIsNotTold(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) { c.Quota = nil })
	id, _ := w.key(object{"name": "a", "in_flight": 3, "requests_per_minute": 5})
	w.send("GET", "/keys/"+id+"/usage", nil).failed(501, "unsupported", "")
	w.send("POST", "/keys/"+id+"/usage/reset", nil).failed(501, "unsupported", "")
	w.send("POST", "/keys/"+id+"/usage/grant", object{"requests": 1}).failed(501, "unsupported", "")
}

func TestKeysOfABrokenStore(t *testing.T) {
	w := newWorld(t)
	id, _ := w.key(object{"name": "a"})
	w.gateway.forgotten = nil
	w.store.fail = errors.Join(errBroken)
	w.send("POST", "/keys/"+id+"/rotate", nil).failed(500, "internal", "")
	assert.Empty(t, w.gateway.forgotten)
}

// The configuration and this API take the same times: a day is its beginning, UTC.
func TestADayIsTheBeginningOfIt(t *testing.T) {
	w := newWorld(t)
	for written, want := range map[string]string{
		"2031-01-31": "2031-01-31T00:00:00Z", "2031-01-31T18:00:00+02:00": "2031-01-31T16:00:00Z",
	} {
		id, _ := w.key(object{"name": "expires " + written, "expires_at": written})
		assert.Equal(t, want, w.ok(200, "GET", "/keys/"+id, nil).object()["expires_at"])
	}
	for _, written := range []any{"2031-02-30", "31.01.2031", "2031-01-31T18:00", "", 20310131} {
		got := w.send("POST", "/keys", object{"name": "a", "expires_at": written})
		got.failed(400, "invalid", "expires_at")
		assert.Contains(t, got.Body, "as in 2027-01-31, which is its beginning (UTC)")
	}
	w.create("login", object{"secret": nil, "oauth": object{"token_url": "https://auth.example.com/t", "refresh_token": "rt-" + mark, "expiry": "2031-01-31"}})
}

// A name is that of one key, whether it stands in the store or in the configuration.
func TestNamesOfKeys(t *testing.T) {
	w := newWorld(t)
	id, _ := w.key(object{"name": "ci"})
	for _, name := range []string{"ci", "filed"} {
		w.send("POST", "/keys", object{"name": name}).failed(409, "name_taken", "name")
	}
	other, _ := w.key(object{"name": "laptop"})
	for _, name := range []string{"ci", "filed"} {
		w.send("PATCH", "/keys/"+other, object{"name": name}).failed(409, "name_taken", "name")
	}
	w.ok(200, "PATCH", "/keys/"+id, object{"name": "ci", "in_flight": 2})
	w.ok(204, "DELETE", "/keys/"+id, nil)
	w.ok(200, "PATCH", "/keys/"+other, object{"name": "ci"})
}
