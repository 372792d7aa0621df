package server_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
)

// A model whose account is left out for an operator's mistake is not told as one that is not
// there, which clients would not ask for again: mended, the account serves it.
func TestAModelWhoseAccountIsLeftOutIsUnavailable(t *testing.T) {
	of := func(groups ...string) func(*resource.Account) {
		return func(a *resource.Account) { a.Groups = groups }
	}
	only := func(model string) func(*resource.Account) {
		return func(a *resource.Account) { a.Models = map[string]string{model: ""} }
	}
	wrong := func(a *resource.Account) { a.BaseURL = "http://169.254.169.254/v1" }
	for name, c := range map[string]struct {
		accounts []resource.Account
		groups   []string
		status   int
		says     string
	}{
		"it serves the model":    {[]resource.Account{account("a", "openai", only("gpt-5"), wrong), account("b", "openai", only("x"))}, nil, 503, "at the moment"},
		"it is the only one":     {[]resource.Account{account("a", "openai", wrong)}, nil, 503, "set up rightly"},
		"of the group":           {[]resource.Account{account("a", "openai", of("g"), wrong), account("b", "openai", of("g"), only("x"))}, []string{"g"}, 503, "at the moment"},
		"it serves another":      {[]resource.Account{account("a", "openai", only("y"), wrong), account("b", "openai", only("x"))}, nil, 404, "gpt-5"},
		"it is of another API":   {[]resource.Account{account("a", "anthropic", wrong), account("b", "openai", only("x"))}, nil, 404, "gpt-5"},
		"it is of another group": {[]resource.Account{account("a", "openai", of("h"), wrong), account("b", "openai", of("g"), only("x"))}, []string{"g"}, 404, "gpt-5"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, withKey(func(k *resource.Key) { k.Groups = c.groups }), func(cfg *server.Config) { cfg.Accounts = c.accounts })
			require.Len(t, r.s.Broken(), 1)
			got := r.chat()
			assert.Equal(t, c.status, got.status, got.body)
			assert.Contains(t, got.body, c.says)
		})
	}
}
