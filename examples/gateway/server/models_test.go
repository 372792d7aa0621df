package server_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/provider/providertest"
)

// ids are the ids of an OpenAI list of models.
func ids(t *testing.T, body string) []string {
	t.Helper()
	var list struct{ Data []struct{ ID string } }
	require.NoError(t, json.Unmarshal([]byte(body), &list), body)
	all := []string{}
	for _, m := range list.Data {
		all = append(all, m.ID)
	}
	return all
}

func TestModelsAreThoseThatTheKeyMayUse(t *testing.T) {
	accounts := []resource.Account{
		account("named", "openai", func(a *resource.Account) {
			a.Models, a.Groups = map[string]string{"fast": "gpt-5-mini", "smart": "gpt-5"}, []string{"blue"}
		}),
		account("patterns", "openai", func(a *resource.Account) { a.Models = map[string]string{"gpt-*": "", "o*": "gpt-5"} }),
		account("off", "openai", func(a *resource.Account) { a.Enabled, a.Models = new(bool), map[string]string{"hidden": ""} }),
		account("claude", "anthropic", func(a *resource.Account) { a.Models = map[string]string{"claude-x": ""} }),
	}
	for name, c := range map[string]struct {
		rule   func(*resource.Key)
		target string
		want   []string
	}{
		"all":      {func(*resource.Key) {}, "/v1/models", []string{"fast", "gpt-a", "gpt-b", "smart"}},
		"some":     {func(k *resource.Key) { k.Models = []string{"gpt-*", "smart"} }, "/v1/models", []string{"gpt-a", "gpt-b", "smart"}},
		"a group":  {func(k *resource.Key) { k.Groups = []string{"blue"} }, "/v1/models", []string{"fast", "smart"}},
		"by path":  {func(*resource.Key) {}, "/blue/models", []string{"fast", "smart"}},
		"none fit": {func(k *resource.Key) { k.Models = []string{"frog"} }, "/models", []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{Models: []string{"gpt-b", "gpt-a", "o3", "dall-e"}})
			r := newRig(t, withKey(c.rule), func(cfg *server.Config) {
				cfg.Accounts = accounts
				cfg.RoundTripper = inMemory(fake)
			})
			got := r.ask("GET", c.target, "")
			require.Equal(t, 200, got.status)
			assert.Equal(t, c.want, ids(t, got.body))
			assert.Equal(t, "models", r.store.last(t).Operation)
		})
	}
}

func TestModelsAreToldInEachDialect(t *testing.T) {
	r := newRig(t, func(c *server.Config) {
		models := func(a *resource.Account) { a.Models = map[string]string{"m1": "", "m2": "", "m3": ""} }
		c.Accounts = []resource.Account{account("o", "openai", models), account("a", "anthropic", models), account("g", "gemini", models)}
	})
	x := "x-api-key: " + secret
	for _, c := range []struct {
		target string
		header string
		want   string
	}{
		{"/v1/models/m1", "A: b", `{"id":"m1","object":"model","created":0,"owned_by":"openai"}`},
		{"/v1/models/m1", x, `{"type":"model","id":"m1","display_name":"m1","created_at":"1970-01-01T00:00:00Z"}`},
		{"/v1beta/models/m1", "A: b", `{"name":"models/m1","displayName":"m1","supportedGenerationMethods":["generateContent","countTokens"]}`},
		{"/v1/models?limit=1", x, `{"data":[{"type":"model","id":"m1","display_name":"m1","created_at":"1970-01-01T00:00:00Z"}],"has_more":true,"first_id":"m1","last_id":"m1"}`},
		{"/v1/models?limit=1&after_id=m2", x, `{"data":[{"type":"model","id":"m3","display_name":"m3","created_at":"1970-01-01T00:00:00Z"}],"has_more":false,"first_id":"m3","last_id":"m3"}`},
		{"/v1/models?limit=1&before_id=m3", x, `{"data":[{"type":"model","id":"m2","display_name":"m2","created_at":"1970-01-01T00:00:00Z"}],"has_more":true,"first_id":"m2","last_id":"m2"}`},
		{"/v1/models?after_id=m3", x, `{"data":[],"has_more":false,"first_id":null,"last_id":null}`},
		{"/v1beta/models?pageSize=1&pageToken=m1", "A: b", `{"models":[{"name":"models/m2","displayName":"m2","supportedGenerationMethods":["generateContent","countTokens"]}],"nextPageToken":"m2"}`},
	} {
		got := r.ask("GET", c.target, "", c.header)
		assert.Equal(t, 200, got.status)
		assert.JSONEq(t, c.want, got.body, c.target)
	}
	got := r.ask("GET", "/v1/models/frog", "", x)
	assert.Equal(t, 404, got.status)
	assert.Contains(t, got.body, "not_found_error")
	assert.Equal(t, 401, r.ask("GET", "/v1/models", "", "Authorization: ").status)
	assert.Zero(t, r.hits())
}

func TestAListOfModelsThatIsSlowOrBrokenIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *server.Config) {
			c.Accounts = []resource.Account{account("slow", "openai"), account("named", "openai", func(a *resource.Account) { a.Models = map[string]string{"fast": ""} })}
		})
		r.openai.Script(providertest.OK().After(5 * time.Second))
		start := time.Now()
		got := r.ask("GET", "/v1/models", "")
		assert.Equal(t, []string{"fast"}, ids(t, got.body))
		assert.Less(t, time.Since(start), 3*time.Second, "Claude Code waits no longer")

		time.Sleep(10 * time.Second)
		known := ids(t, r.ask("GET", "/v1/models", "").body)
		assert.Len(t, known, 3, "the list has come meanwhile")
		hits := r.openai.Count()
		r.ask("GET", "/v1/models", "")
		assert.Equal(t, hits, r.openai.Count(), "and is kept")

		r.openai.Always(providertest.ServerError())
		time.Sleep(11 * time.Minute)
		for range 3 {
			assert.Equal(t, known, ids(t, r.ask("GET", "/v1/models", "").body), "a stale one is better than none")
			time.Sleep(time.Second)
		}
		assert.Equal(t, hits+1, r.openai.Count(), "asked anew once a minute")
	})
}

// inMemory has every account answered by one handler.
func inMemory(h http.Handler) func(a balancerAccount) (http.RoundTripper, error) {
	return func(balancerAccount) (http.RoundTripper, error) { return providertest.InMemory(h), nil }
}
