package server_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
)

// goNames are words that only who writes Go knows.
var goNames = regexp.MustCompile(`\b(Config|Account|Hint|Policy|OAuthConfig|Prices|Models|Weight|Limits|Secret|Credential)\b|\b(quota|transport|balancer): |\b(time|quota|provider|transport|balancer|health)[.][A-Z]|\b(AllowLinkLocal|MaxRest|BaseURL|RefreshToken|TokenURL|AccessToken)\b|\bnil\b`)

// What is wrong with an account is told by its field, as operators write it.
func TestWhatIsWrongWithAnAccountNamesItsFieldAsOperatorsWriteIt(t *testing.T) {
	s, err := server.New(t.Context(), server.Config{Store: &memory{}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	oauth := func(o resource.OAuth) func(*resource.Account) {
		return func(a *resource.Account) { a.Secret, a.OAuth = resource.Secret{}, &o }
	}
	for _, c := range []struct {
		field  string
		change func(*resource.Account)
	}{
		{"name", func(a *resource.Account) { a.Name = "" }},
		{"provider", func(a *resource.Account) { a.Provider = "none" }},
		{"base_url", func(a *resource.Account) { a.BaseURL = "https://u@h/v1" }},
		{"base_url", func(a *resource.Account) { a.BaseURL = "http://169.254.169.254/v1" }},
		{"base_url", func(a *resource.Account) { a.BaseURL = "ftp://h" }},
		{"secret", func(a *resource.Account) { a.Secret = resource.Secret{} }},
		{"secret", func(a *resource.Account) { a.Secret = resource.NewSecret(" ") }},
		{"secret", func(a *resource.Account) { a.Secret = resource.NewSecret("a\u00a0b") }},
		{"proxy_url", func(a *resource.Account) { a.Proxy = "ftp://h:1" }},
		{"proxy_url", func(a *resource.Account) { a.Proxy = "http://169.254.169.254:1" }},
		{"weight", func(a *resource.Account) { a.Weight = 1_000_001 }},
		{"price_rate", func(a *resource.Account) { a.PriceRate = 1001 }},
		{"price_rate", func(a *resource.Account) { a.PriceRate = 1e-9 }},
		{"models", func(a *resource.Account) { a.Models = map[string]string{} }},
		{"models", func(a *resource.Account) { a.Models = map[string]string{"a": "*"} }},
		{"models", func(a *resource.Account) { a.Models = map[string]string{"**": "a"} }},
		{"limits[0]", func(a *resource.Account) { a.Limits = []resource.Limit{{Unit: "requests", Max: 1, Window: "1ns"}} }},
		{"limits[0]", func(a *resource.Account) { a.Limits = []resource.Limit{{Unit: "requests"}} }},
		{"schedule", func(a *resource.Account) { a.Schedule = &resource.Schedule{} }},
		{"schedule", func(a *resource.Account) {
			a.Schedule = &resource.Schedule{Spans: []resource.Span{{From: "24:00", To: "01:00"}}}
		}},
		{"health.max_rest", func(a *resource.Account) { a.Health = &resource.Health{MaxRest: resource.Duration(time.Second)} }},
		{"oauth.token_url", oauth(resource.OAuth{TokenURL: "http://h/t", RefreshToken: resource.NewSecret("r")})},
		{"oauth.token_url", oauth(resource.OAuth{TokenURL: "https://169.254.169.254/t", RefreshToken: resource.NewSecret("r")})},
		{"oauth.encoding", oauth(resource.OAuth{TokenURL: "https://h/t", RefreshToken: resource.NewSecret("r"), Encoding: "xml"})},
		{"oauth.refresh_token", oauth(resource.OAuth{TokenURL: "https://h/t", AccessToken: resource.NewSecret("a")})},
	} {
		a := resource.Account{Name: "main", Provider: "openai", Secret: resource.NewSecret("sk-1")}
		c.change(&a)
		err := s.Validate(a)
		var wrong *resource.FieldError
		require.ErrorAs(t, err, &wrong, "%s: %v", c.field, err)
		assert.Equal(t, c.field, wrong.Field, "%v", err)
		assert.NotRegexp(t, goNames, wrong.Message)
	}
}

// The log says in the configuration's words why nobody could be asked.
func TestTheLogSaysWhichAccountsWouldHaveServed(t *testing.T) {
	for name, c := range map[string]struct {
		groups []string
		change func(*server.Config)
		status int
		want   string
	}{
		"API":   {nil, func(c *server.Config) { c.Accounts = []resource.Account{account("c", "anthropic")} }, 503, `no account that can be used speaks the API of openai: add one whose provider does`},
		"model": {nil, func(c *server.Config) { c.Accounts[0].Models = map[string]string{"other": ""} }, 404, `no account serves the model \"gpt-5\": see the accounts' models`},
		"group": {[]string{"team"}, func(*server.Config) {}, 503, `no account that can be used has the group \"team\"`},
		"model of a group": {[]string{"team"}, func(c *server.Config) {
			c.Accounts[0].Groups, c.Accounts[0].Models = []string{"team"}, map[string]string{"o*": ""}
		}, 404, `no account of the group \"team\" serves the model \"gpt-5\"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.change, func(cfg *server.Config) { cfg.Keys[0].Groups = c.groups })
			assert.Equal(t, c.status, r.chat().status)
			assert.Contains(t, r.logs.String(), c.want)
			assert.NotRegexp(t, `Hint\.Group|Account\.Models`, r.logs.String())
		})
	}
}
