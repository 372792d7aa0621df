package admin_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/admin"
	"github.com/aitransport/aitransport/provider/providertest"
)

func TestProbeUnsaved(t *testing.T) {
	w := newWorld(t)
	got := w.ok(200, "POST", "/accounts/probe", account("new", nil)).object()
	assert.Equal(t, true, got["ok"])
	assert.NotEmpty(t, got["check"].(object)["probes"])
	assert.NotNil(t, got["route"])
	assert.Empty(t, w.store.accounts)
	assert.Zero(t, w.gateway.reloads)

	w.gateway.fake.AlwaysFor("sk-"+mark+"-bad", providertest.Unauthorized())
	got = w.ok(200, "POST", "/accounts/probe", object{"provider": "openai", "secret": "sk-" + mark + "-bad"}).object()
	assert.Equal(t, false, got["ok"])
	assert.Equal(t, "credential refused", got["check"].(object)["probes"].([]any)[0].(object)["class"])

	w.send("POST", "/accounts/probe", object{"provider": "openai"}).failed(400, "invalid", "secret")
	w.send("POST", "/accounts/probe", nil).failed(400, "invalid", "")
}

// A stored account is asked as it is in use; with a body, as it would be, with what is
// stored of its secrets.
func TestProbeSaved(t *testing.T) {
	w := newWorld(t)
	id := w.create("a", nil)
	path := "/accounts/" + id + "/probe"
	before := w.store.accounts[id]
	got := w.ok(200, "POST", path, nil).object()
	assert.Equal(t, true, got["ok"])
	assert.Equal(t, "a", got["check"].(object)["account"])
	require.Positive(t, w.gateway.fake.CountFor("sk-"+mark+"-a"))

	asked := w.gateway.fake.CountFor("sk-" + mark + "-a")
	got = w.ok(200, "POST", path, object{"weight": 5}).object()
	assert.Equal(t, true, got["ok"])
	assert.Greater(t, w.gateway.fake.CountFor("sk-"+mark+"-a"), asked)
	w.ok(200, "POST", path, object{"secret": "sk-" + mark + "-other"})
	assert.Positive(t, w.gateway.fake.CountFor("sk-"+mark+"-other"))
	assert.Equal(t, before, w.store.accounts[id])
	w.send("POST", path, object{"weight": -5}).failed(400, "invalid", "weight")
}

// A gateway that cannot take the way alone tells no route.
func TestProbeWithoutRoute(t *testing.T) {
	var inner *gateway
	w := newWorld(t, func(c *admin.Config) {
		inner = c.Gateway.(router).gateway
		c.Gateway = inner
	})
	got := w.ok(200, "POST", "/accounts/probe", account("new", nil)).object()
	assert.Nil(t, got["route"])
}

// A probe says what looks like a mistake: its 404s alone would look like the account's
// fault.
func TestProbeWarnsOfABaseWithoutItsVersion(t *testing.T) {
	w := newWorld(t)
	got := w.ok(200, "POST", "/accounts/probe", account("new", object{"base_url": "https://api.example.com"})).object()
	require.Len(t, got["warnings"], 1)
	assert.Contains(t, got["warnings"].([]any)[0], `base_url: it has no version in its path, and openai's own ends with /v1: if requests get 404, write "https://api.example.com/v1"`)
	assert.NotContains(t, w.ok(200, "POST", "/accounts/probe", account("new", nil)).object(), "warnings")

	made := w.ok(201, "POST", "/accounts", account("made", object{"base_url": "https://api.example.com"})).object()
	assert.Equal(t, got["warnings"], made["warnings"], "whoever makes one is told at once")
}
