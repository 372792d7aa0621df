package server_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// A member that stands twice could be read in two ways: the model that the key may use by
// the gateway, and another one by the provider. Providers that are written in Go do not
// look at the case of its letters either.
func TestAMemberThatIsReadStandsOnce(t *testing.T) {
	r := newRig(t, withKey(func(k *resource.Key) { k.Models = []string{"gpt-5"} }))
	for name, c := range map[string]struct{ body, says string }{
		"two models":          {`{"model":"gpt-5-pro","model":"gpt-5","messages":[]}`, "model"},
		"the same twice":      {`{"model":"gpt-5","messages":[],"model":"gpt-5"}`, "model"},
		"escaped":             {`{"mod\u0065l":"gpt-5-pro","model":"gpt-5"}`, "model"},
		"in other letters":    {`{"model":"gpt-5","MODEL":"gpt-5-pro"}`, "MODEL"},
		"folded":              {`{"model":"gpt-5","stream":false,"ſtream":true}`, "ſtream"},
		"two streams":         {`{"model":"gpt-5","stream":true,"stream":false}`, "stream"},
		"two users":           {`{"user":"a","model":"gpt-5","user":"b"}`, "user"},
		"two lengths":         {`{"model":"gpt-5","max_tokens":1,"max_tokens":100000}`, "max_tokens"},
		"other case is first": {`{"Model":"gpt-5-pro","model":"gpt-5"}`, "model"},
	} {
		got := r.ask("POST", "/v1/chat/completions", c.body)
		assert.Equal(t, 400, got.status, name)
		assert.Contains(t, got.body, `"code":"invalid_request"`, name)
		assert.Contains(t, got.body, "The member "+c.says+" stands twice", name)
	}
	assert.Zero(t, r.hits())
	for name, body := range map[string]string{
		"further down":           `{"model":"gpt-5","messages":[{"role":"user","content":"hi","model":1,"model":2}],"metadata":{"user":"a","user":"b"}}`,
		"what nobody here reads": strings.Replace(chatBody, "{", `{"temperature":1,"temperature":0,`, 1),
	} {
		assert.Equal(t, 200, r.ask("POST", "/v1/chat/completions", body).status, name)
	}
}
