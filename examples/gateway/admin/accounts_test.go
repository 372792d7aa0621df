package admin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/admin"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider/providertest"
)

type object = map[string]any

// account is what an account takes, with some of it changed.
func account(name string, change object) object {
	in := object{"name": name, "provider": "openai", "secret": "sk-" + mark + "-" + name}
	for field, value := range change {
		in[field] = value
	}
	return in
}

// create makes an account and returns its id.
func (w *world) create(name string, change object) string {
	w.t.Helper()
	return w.ok(201, "POST", "/accounts", account(name, change)).object()["id"].(string)
}

func TestAccountServesTheNextRequest(t *testing.T) {
	w := newWorld(t)
	w.gateway.fake.AlwaysFor("sk-"+mark+"-main", providertest.QuotaExhausted())
	require.NotEqual(t, 200, w.gateway.ask(t, balancer.Hint{}))
	got := w.ok(201, "POST", "/accounts", account("spare", object{
		"weight": 3, "priority": 2, "groups": []string{"team"}, "models": object{"gpt-*": "gpt-*"}, "price_rate": 0.5,
		"limits":   []object{{"unit": "requests", "max": 60, "window": "1m"}, {"unit": "in_flight", "max": 5}},
		"schedule": object{"zone": "Europe/Berlin", "spans": []object{{"days": []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}, "from": "00:00", "to": "24:00"}}},
		"health":   object{"failures": 3, "rest": "30s"}, "header": object{"X-Extra": "value-" + mark},
		"proxy_url": proxied, "proxy_fallback_to_direct": true,
	}))
	spare := got.object()
	assert.Equal(t, "/admin/v1/accounts/"+spare["id"].(string), got.Header.Get("Location"))
	assert.Equal(t, "***", spare["secret"])
	assert.Equal(t, true, spare["has_secret"])
	assert.Equal(t, true, spare["enabled"])
	assert.Equal(t, "socks5://me:***@127.0.0.1:1080", spare["proxy_url"])
	assert.Equal(t, object{"X-Extra": "***"}, spare["header"])
	assert.Equal(t, true, spare["state"].(object)["ready"])
	assert.Len(t, spare["state"].(object)["limits"], 2)
	assert.Equal(t, 200, w.gateway.ask(t, balancer.Hint{}))
	assert.Equal(t, 1, w.gateway.fake.CountFor("sk-"+mark+"-spare"))

	kept := w.store.accounts[spare["id"].(string)]
	assert.Equal(t, proxied, kept.Proxy)
	assert.Equal(t, "value-"+mark, kept.Header["X-Extra"])
	assert.Contains(t, w.logged(), `"action":"createAccount"`)
	assert.Contains(t, w.logged(), `"who":"sha256:`+hashOf(token)[:8])
}

// A field that is absent stays, null is the default, and what was told can be sent back.
func TestChangeAccount(t *testing.T) {
	w := newWorld(t)
	id := w.create("a", object{"weight": 3, "groups": []string{"x", "y"}, "proxy_url": proxied, "header": object{"X-A": "1" + mark, "X-B": "2" + mark}})
	path := "/accounts/" + id
	before := w.store.accounts[id]

	w.ok(200, "PATCH", path, object{"priority": 7})
	after := w.store.accounts[id]
	after.UpdatedAt, before.Priority = before.UpdatedAt, 7
	assert.Equal(t, before, after)

	w.ok(200, "PATCH", path, object{"weight": nil, "groups": nil, "proxy_fallback_to_direct": false})
	assert.Zero(t, w.store.accounts[id].Weight)
	assert.Nil(t, w.store.accounts[id].Groups)
	assert.False(t, *w.store.accounts[id].ProxyFallbackToDirect)
	got := w.ok(200, "PATCH", path, object{"proxy_fallback_to_direct": nil}).object()
	assert.NotContains(t, got, "proxy_fallback_to_direct")

	w.ok(200, "PATCH", path, object{"proxy_url": got["proxy_url"], "secret": "***", "header": object{"X-A": "***", "X-C": "3" + mark}})
	kept := w.store.accounts[id]
	assert.Equal(t, proxied, kept.Proxy)
	assert.Equal(t, "sk-"+mark+"-a", kept.Secret.Reveal())
	assert.Equal(t, map[string]string{"X-A": "1" + mark, "X-C": "3" + mark}, kept.Header)

	w.send("PATCH", path, object{"proxy_url": "socks5://me:***@10.0.0.9:1080"}).failed(400, "invalid", "proxy_url")
	w.send("PATCH", path, object{"header": object{"X-New": "***"}}).failed(400, "invalid", "header.X-New")
	w.ok(200, "PATCH", path, object{"proxyUrl": "direct", "proxyFallbackToDirect": true})
	assert.Equal(t, "direct", w.store.accounts[id].Proxy)
	assert.True(t, *w.store.accounts[id].ProxyFallbackToDirect)
	w.send("PATCH", path, object{"proxyUrl": "direct", "proxy_url": "env"}).failed(400, "invalid", "proxyUrl")
	assert.Equal(t, proxied, before.Proxy)
}

func TestOAuthOfAnAccount(t *testing.T) {
	w := newWorld(t)
	in := object{"name": "login", "provider": "openai", "oauth": object{
		"token_url": "https://auth.example.com/token", "client_id": "app", "refresh_token": "rt-" + mark, "access_token": "at-" + mark, "header": object{"X-Auth": mark},
	}}
	got := w.ok(201, "POST", "/accounts", in).object()
	assert.Equal(t, object{"token_url": "https://auth.example.com/token", "client_id": "app", "refresh_token": "***", "access_token": "***", "header": object{"X-Auth": "***"}}, got["oauth"])
	path := "/accounts/" + got["id"].(string)
	w.ok(200, "PATCH", path, object{"oauth": object{"scope": "all", "refresh_token": "***", "access_token": nil}})
	kept := w.store.accounts[got["id"].(string)].OAuth
	assert.Equal(t, "rt-"+mark, kept.RefreshToken.Reveal())
	assert.Empty(t, kept.AccessToken.Reveal())
	assert.Equal(t, "all", kept.Scope)
	w.send("PATCH", path, object{"secret": "sk-" + mark}).failed(400, "invalid", "oauth")
	w.send("PATCH", path, object{"oauth": object{"access_token": "***"}}).failed(400, "invalid", "oauth.access_token")
	w.send("PATCH", path, object{"oauth": object{"refresh_token": nil}}).failed(400, "invalid", "oauth.refresh_token")
	w.send("PATCH", path, object{"oauth": nil}).failed(400, "invalid", "secret")
	w.ok(200, "PATCH", path, object{"oauth": nil, "secret": "sk-" + mark})
	assert.Nil(t, w.store.accounts[got["id"].(string)].OAuth)
}

func TestAccountsThatMakeNoSense(t *testing.T) {
	w := newWorld(t)
	id := w.create("a", nil)
	w.create("b", nil)
	for field, c := range map[string]struct {
		in   object
		code string
	}{
		"name":                       {object{"name": "b"}, "name_taken"},
		"provider":                   {object{"provider": "nobody"}, "invalid"},
		"secret":                     {object{"secret": "two\nlines"}, "invalid"},
		"header.X-A":                 {object{"header": object{"X-A": "two\nlines"}}, "invalid"},
		"base_url":                   {object{"base_url": "ftp://x"}, "invalid"},
		"proxy_url":                  {object{"proxy_url": "gopher://u:pw-" + mark + "@x:1"}, "invalid"},
		"weight":                     {object{"weight": -1}, "invalid"},
		"priority":                   {object{"priority": 1.5}, "invalid"},
		"limits[1]":                  {object{"limits": []object{{"unit": "requests", "max": 1, "window": "1m"}, {"unit": "requests", "max": 1, "window": "fortnight"}}}, "invalid"},
		"limits[0].max":              {object{"limits": []object{{"unit": "requests", "max": "1"}}}, "invalid"},
		"limits[0].wnd":              {object{"limits": []object{{"wnd": "1m"}}}, "unknown_field"},
		"groups[0]":                  {object{"groups": []string{"v1"}}, "invalid"},
		"groups[1]":                  {object{"groups": []string{"a", "a/b"}}, "invalid"},
		"groups[2]":                  {object{"groups": []string{"a", "b", "models"}}, "invalid"},
		"models":                     {object{"models": object{}}, "invalid"},
		"models.a":                   {object{"models": object{"a": "b*"}}, "invalid"},
		"price_rate":                 {object{"price_rate": -0.5}, "invalid"},
		"schedule":                   {object{"schedule": object{"spans": []object{}}}, "invalid"},
		"health.rest":                {object{"health": object{"rest": "soon"}}, "invalid"},
		"health.max_rest":            {object{"health": object{"rest": "2m", "max_rest": "1m"}}, "invalid"},
		"health.max_rate_limit_rest": {object{"health": object{"max_rate_limit_rest": "-1s"}}, "invalid"},
		"header.X A":                 {object{"header": object{"X A": "x"}}, "invalid"},
		"enabled":                    {object{"enabled": "yes"}, "invalid"},
		"oauth":                      {object{"oauth": object{"token_url": "https://x.example.com", "refresh_token": "r"}}, "invalid"},
		"oauth.token_url":            {object{"secret": nil, "oauth": object{"token_url": "x", "refresh_token": "r"}}, "invalid"},
		"oauth.encoding":             {object{"secret": nil, "oauth": object{"token_url": "https://x.example.com", "refresh_token": "r", "encoding": "xml"}}, "invalid"},
		"total_cost":                 {object{"total_cost": 0}, "unknown_field"},
		"wieght":                     {object{"wieght": 1}, "unknown_field"},
	} {
		t.Run(field, func(t *testing.T) {
			w.t = t
			status := 400
			if c.code == "name_taken" {
				status = 409
			}
			before := w.store.accounts[id]
			w.send("PATCH", "/accounts/"+id, c.in).failed(status, c.code, field)
			assert.Equal(t, before, w.store.accounts[id])
			in := account("new", c.in)
			w.send("POST", "/accounts", in).failed(status, c.code, field)
			assert.Len(t, w.store.accounts, 2)
		})
	}
}

// What the gateway has against an account is told by its field, or in its words.
func TestValidateIsAsked(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) {
		c.Validate = func(a resource.Account) error {
			if a.BaseURL == "http://169.254.169.254/v1" {
				return fmt.Errorf("account %q: %w", a.Name, &admin.FieldError{Field: "base_url", Message: "the address is link-local"})
			}
			return nil
		}
	})
	w.send("POST", "/accounts", account("x", object{"base_url": "http://169.254.169.254/v1"})).failed(400, "invalid", "base_url")
	w.send("POST", "/accounts/probe", account("x", object{"base_url": "http://169.254.169.254/v1"})).failed(400, "invalid", "base_url")
	assert.Empty(t, w.store.accounts)
}

func TestAccountsOfTheFile(t *testing.T) {
	w := newWorld(t)
	page := w.ok(200, "GET", "/accounts", nil).object()
	file := page["data"].([]any)[0].(object)
	assert.Equal(t, true, file["from_file"])
	path := "/accounts/" + file["id"].(string)
	w.ok(200, "GET", path, nil)
	w.send("PATCH", path, object{"weight": 2}).failed(409, "from_file", "")
	w.send("DELETE", path, nil).failed(409, "from_file", "")
	w.send("POST", path+"/disable", nil).failed(409, "from_file", "")
	w.send("POST", "/accounts", account("main", nil)).failed(409, "name_taken", "name")
	w.ok(200, "POST", path+"/reset", nil)
}

func TestAccountsThatAreNotThere(t *testing.T) {
	w := newWorld(t)
	for _, route := range []string{"GET /accounts/x", "PATCH /accounts/x", "DELETE /accounts/x", "POST /accounts/x/enable", "POST /accounts/x/disable", "POST /accounts/x/reset", "POST /accounts/x/probe"} {
		var method, path string
		_, err := fmt.Sscan(route, &method, &path)
		require.NoError(t, err)
		body := any(nil)
		if method == http.MethodPatch {
			body = object{}
		}
		w.send(method, path, body).failed(404, "not_found", "")
	}
	assert.Zero(t, w.gateway.reloads)
}

func TestListAccounts(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.create(fmt.Sprintf("a%d", i), object{"groups": []string{fmt.Sprintf("g%d", i%2)}, "enabled": i != 3})
	}
	var names []string
	cursor := ""
	for pages := 1; ; pages++ {
		page := w.ok(200, "GET", "/accounts?limit=2&cursor="+cursor, nil).object()
		for _, a := range page["data"].([]any) {
			names = append(names, a.(object)["name"].(string))
		}
		next, more := page["next_cursor"]
		if !more {
			assert.Equal(t, 3, pages)
			break
		}
		cursor = next.(string)
	}
	assert.Equal(t, []string{"a0", "a1", "a2", "a3", "a4", "main"}, names)
	for query, want := range map[string]int{"group=g1": 2, "enabled=false": 1, "enabled=true": 5, "provider=openai": 6, "provider=gemini": 0, "group=g1&enabled=false": 1, "limits=false": 6} {
		assert.Len(t, w.ok(200, "GET", "/accounts?"+query, nil).object()["data"], want, query)
	}
	for query, field := range map[string]string{"limit=0": "limit", "limit=1001": "limit", "limit=x": "limit", "cursor=abc": "cursor", "enabled=maybe": "enabled", "limits=1": "limits", "limit=1&limit=2": "limit"} {
		w.send("GET", "/accounts?"+query, nil).failed(400, "invalid", field)
	}
	w.send("GET", "/accounts?grup=x", nil).failed(400, "unknown_field", "grup")
	w.send("GET", "/accounts?a=%zz", nil).failed(400, "invalid", "")
	w.send("GET", "/keys?cursor="+url.QueryEscape(cursor), nil).failed(400, "invalid", "cursor")
}

func TestEnableDisableDelete(t *testing.T) {
	w := newWorld(t)
	id := w.create("a", nil)
	path := "/accounts/" + id
	got := w.ok(200, "POST", path+"/disable", nil).object()
	assert.Equal(t, false, got["enabled"])
	assert.Equal(t, false, got["state"].(object)["ready"])
	assert.Equal(t, 0, w.gateway.ask(t, balancer.Hint{Account: "a"}))

	got = w.ok(200, "POST", path+"/enable", "{}").object()
	assert.Equal(t, true, got["enabled"])
	w.gateway.fake.ScriptFor("sk-"+mark+"-a", providertest.QuotaExhausted())
	w.gateway.ask(t, balancer.Hint{Account: "a"})
	state := w.ok(200, "GET", path, nil).object()["state"].(object)
	require.Equal(t, false, state["ready"])
	assert.NotEmpty(t, state["lastErrors"])
	got = w.ok(200, "POST", path+"/enable", nil).object()
	assert.Equal(t, true, got["state"].(object)["ready"], "enabling ends what its failures have come to")
	assert.Equal(t, 200, w.gateway.ask(t, balancer.Hint{Account: "a"}))

	w.ok(204, "DELETE", path, nil)
	assert.Equal(t, 0, w.gateway.ask(t, balancer.Hint{Account: "a"}))
	w.send("DELETE", path, nil).failed(404, "not_found", "")
	w.send("POST", "/accounts/"+id+"/enable", `{"x":1}`).failed(400, "unknown_field", "x")
}

func TestResetAccounts(t *testing.T) {
	w := newWorld(t)
	ids := []string{w.create("a", nil), w.create("b", nil)}
	rest := func(name string) {
		w.gateway.fake.ScriptFor("sk-"+mark+"-"+name, providertest.QuotaExhausted())
		w.gateway.ask(t, balancer.Hint{Account: name})
	}
	ready := func(id string) any { return w.ok(200, "GET", "/accounts/"+id, nil).object()["state"].(object)["ready"] }
	rest("a")
	rest("b")
	require.Equal(t, false, ready(ids[0]))
	state := w.ok(200, "POST", "/accounts/"+ids[0]+"/reset", nil).object()["state"].(object)
	assert.Equal(t, true, state["ready"])
	assert.InDelta(t, 0, state["failed"], 0)
	assert.Equal(t, false, ready(ids[1]))
	rest("a")
	w.ok(204, "POST", "/accounts/reset", nil)
	assert.Equal(t, true, ready(ids[0]))
	assert.Equal(t, true, ready(ids[1]))
}

// An account that the gateway leaves out is shown with the reason.
func TestBrokenAccounts(t *testing.T) {
	w := newWorld(t)
	id := w.create("broken-one", nil)
	got := w.ok(200, "GET", "/accounts/"+id, nil).object()
	assert.Equal(t, "it was broken by a test", got["broken"])
	assert.Nil(t, got["state"])
	w.send("POST", "/accounts/"+id+"/reset", nil).failed(409, "not_serving", "")
	w.send("POST", "/accounts/"+id+"/probe", nil).failed(400, "invalid", "")
	got = w.ok(200, "PATCH", "/accounts/"+id, object{"name": "mended"}).object()
	assert.NotContains(t, got, "broken")
	assert.NotNil(t, got["state"])
}

// Two changes of different fields at the same time both last.
func TestChangesThatMeet(t *testing.T) {
	w := newWorld(t)
	id := w.create("a", nil)
	other := true
	w.store.before = func(string) {
		if other {
			other = false
			defer w.store.lock()()
			a := w.store.accounts[id]
			a.Weight, a.UpdatedAt = 9, w.store.now()
			w.store.accounts[id] = a
		}
	}
	w.ok(200, "PATCH", "/accounts/"+id, object{"priority": 4})
	assert.Equal(t, 9, w.store.accounts[id].Weight)
	assert.Equal(t, 4, w.store.accounts[id].Priority)
	w.store.before = func(string) {
		defer w.store.lock()()
		a := w.store.accounts[id]
		a.UpdatedAt = w.store.now()
		w.store.accounts[id] = a
	}
	w.send("PATCH", "/accounts/"+id, object{"priority": 5}).failed(409, "conflict", "")
}

// A change that is stored and could not be loaded is told as that.
func TestReloadFails(t *testing.T) {
	w := newWorld(t)
	w.gateway.fail = errBroken
	w.send("POST", "/accounts", account("a", nil)).failed(500, "not_applied", "")
	assert.Len(t, w.store.accounts, 1)
	assert.Contains(t, w.logged(), errBroken.Error())
}
