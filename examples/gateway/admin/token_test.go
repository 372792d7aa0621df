package admin_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/admin"
)

func without(name string) func(*http.Request) { return func(r *http.Request) { r.Header.Del(name) } }

func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func from(address string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = address }
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	good := admin.Config{Gateway: &gateway{}, Store: newMemory(), TokenHash: hashOf(token)}
	for name, change := range map[string]func(*admin.Config){
		"Gateway":   func(c *admin.Config) { c.Gateway = nil },
		"Store":     func(c *admin.Config) { c.Store = nil },
		"TokenHash": func(c *admin.Config) { c.TokenHash = "abc" },
		"Timeout":   func(c *admin.Config) { c.Timeout = -1 },
	} {
		c := good
		change(&c)
		_, err := admin.New(c)
		require.ErrorContains(t, err, name)
	}
}

// Every operation, and every path that is none, wants the token.
func TestEveryOperationWantsTheToken(t *testing.T) {
	w := newWorld(t)
	paths := admin.Routes()
	paths["GET /nothing"], paths["OPTIONS /accounts"], paths["PUT /accounts"] = "", "", ""
	n := 0
	for route := range paths {
		method, path, _ := strings.Cut(route, " ")
		path = strings.ReplaceAll(path, "{id}", "acc_file_x")
		n++
		elsewhere := from(fmt.Sprintf("10.0.%d.1:1", n))
		got := w.send(method, path, nil, without("Authorization"), elsewhere)
		got.failed(401, "unauthorized", "")
		assert.Contains(t, got.Header.Get("WWW-Authenticate"), "Bearer")
		for _, wrong := range []string{"Bearer wrong", "Basic " + token, token, "Bearer", "Bearer " + token + "x", "Bearer " + hashOf(token)} {
			w.send(method, path, nil, with("Authorization", wrong), elsewhere).failed(401, "unauthorized", "")
		}
	}
	assert.Zero(t, w.gateway.reloads)
	assert.Contains(t, w.logged(), "Admin refused")
	w.send("GET", "/keys?token="+token, nil, without("Authorization")).failed(401, "unauthorized", "")
	two := func(r *http.Request) { r.Header.Add("Authorization", "Bearer x") }
	w.send("GET", "/keys", nil, two).failed(401, "unauthorized", "")
}

// Who sends wrong tokens is not heard for a while; others are.
func TestGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		wrong := with("Authorization", "Bearer guess")
		for range 10 {
			w.send("GET", "/keys", nil, wrong).failed(401, "unauthorized", "")
		}
		got := w.send("GET", "/keys", nil, wrong)
		got.failed(429, "too_many_failures", "")
		assert.Equal(t, "6", got.Header.Get("Retry-After"))
		w.send("GET", "/keys", nil).failed(429, "too_many_failures", "")
		assert.Equal(t, 200, w.send("GET", "/keys", nil, from("192.0.2.9:1")).Status)

		time.Sleep(6 * time.Second)
		assert.Equal(t, 200, w.send("GET", "/keys", nil).Status, "one more may be tried")
		w.send("GET", "/keys", nil, wrong).failed(401, "unauthorized", "")
		w.send("GET", "/keys", nil, wrong).failed(429, "too_many_failures", "")
		time.Sleep(time.Minute + time.Second)
		for range 10 {
			w.send("GET", "/keys", nil, wrong).failed(401, "unauthorized", "")
		}
	})
}

// A network of IPv6 is one guesser.
func TestGuessersOfOneNetwork(t *testing.T) {
	w := newWorld(t)
	for i := range 10 {
		w.send("GET", "/keys", nil, with("Authorization", "Bearer guess"), from(fmt.Sprintf("[2001:db8::%x]:1", i+1))).failed(401, "unauthorized", "")
	}
	w.send("GET", "/keys", nil, from("[2001:db8::ff]:1")).failed(429, "too_many_failures", "")
	assert.Equal(t, 200, w.send("GET", "/keys", nil, from("[2001:db8:0:1::1]:1")).Status)
}

func TestMethodsAndPaths(t *testing.T) {
	w := newWorld(t)
	for path, allow := range map[string]string{
		"/accounts": "GET, HEAD, OPTIONS, POST", "/accounts/x": "DELETE, GET, HEAD, OPTIONS, PATCH", "/accounts/reset": "OPTIONS, POST",
		"/rests": "DELETE, GET, HEAD, OPTIONS", "/usage": "GET, HEAD, OPTIONS",
	} {
		got := w.send("PUT", path, "{}")
		if path == "/accounts/reset" {
			assert.Equal(t, allow, got.Header.Get("Allow"))
		}
		got.failed(405, "method_not_allowed", "")
		assert.Equal(t, allow, got.Header.Get("Allow"))
		got = w.send("OPTIONS", path, nil)
		assert.Equal(t, 204, got.Status)
		assert.Equal(t, allow, got.Header.Get("Allow"))
	}
	for _, path := range []string{"", "/", "/nothing", "/accounts/", "/accounts/x/y", "/keys/x/usage/y"} {
		w.send("GET", path, nil).failed(404, "not_found", "")
	}
}

func TestHeadHasNoBody(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.handler)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+"/admin/v1/accounts", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, 200, resp.StatusCode)
	assert.Empty(t, body)
	server.CloseClientConnections()
}

// What the store says of its failure stands in the log, under the request's id, and not in
// the answer.
func TestFailuresInside(t *testing.T) {
	w := newWorld(t)
	w.store.fail = errBroken
	for _, path := range []string{"/accounts", "/keys", "/requests", "/usage", "/usage/accounts", "/accounts/x"} {
		got := w.send("GET", path, nil)
		got.failed(500, "internal", "")
		assert.NotContains(t, got.Body, "away")
		assert.Contains(t, w.logged(), got.Header.Get("X-Request-Id"))
	}
	assert.Contains(t, w.logged(), errBroken.Error())
}
