package balancer_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// secretMark is in every secret of these tests, and must be in no error.
const secretMark = "S3CRET"

func TestNewRefusesWhatCannotWork(t *testing.T) {
	one := func(change func(*balancer.Account)) balancer.Config {
		a := balancer.Account{Name: "main", Provider: provider.OpenAI, Secret: "sk-" + secretMark}
		change(&a)
		return balancer.Config{Accounts: []balancer.Account{a}}
	}
	proxy := func(p string) balancer.Config { return one(func(a *balancer.Account) { a.Proxy = p }) }
	at := func(base string) balancer.Config {
		return one(func(a *balancer.Account) { a.Provider = provider.OpenAI.At("relay", base) })
	}
	tests := map[string]struct {
		cfg  balancer.Config
		want []string // parts of the error: the field, and what to write instead
	}{
		"no account":              {balancer.Config{}, []string{"Accounts", "at least one"}},
		"no name":                 {one(func(a *balancer.Account) { a.Name = "" }), []string{"Accounts[0]", "Name"}},
		"no provider":             {one(func(a *balancer.Account) { a.Provider = nil }), []string{"main", "Provider", "provider.OpenAI", "provider.Names()"}},
		"no secret":               {one(func(a *balancer.Account) { a.Secret = "" }), []string{"main", "Secret", "API key"}},
		"a secret of two lines":   {one(func(a *balancer.Account) { a.Secret = "sk-" + secretMark + "\nOTHER=1" }), []string{"main", "Secret", "line break"}},
		"a nil credential":        {one(func(a *balancer.Account) { a.Secret, a.Credential = "", (*provider.OAuth)(nil) }), []string{"main", "Credential", "*provider.OAuth", "error"}},
		"no program":              {one(func(a *balancer.Account) { a.Secret, a.Credential = "", provider.Command(provider.CommandConfig{}) }), []string{"main", "Credential", "Argv"}},
		"no file":                 {one(func(a *balancer.Account) { a.Secret, a.Credential = "", provider.File("") }), []string{"main", "Credential", "path"}},
		"two secrets":             {one(func(a *balancer.Account) { a.Credential = provider.Key(secretMark) }), []string{"main", "Secret", "Credential"}},
		"duplicate name":          {balancer.Config{Accounts: []balancer.Account{account("main"), account("main")}}, []string{"main", "Name", "unique"}},
		"negative weight":         {one(func(a *balancer.Account) { a.Weight = -1 }), []string{"main", "Weight"}},
		"bad limit":               {one(func(a *balancer.Account) { a.Limits = []quota.Limit{{Unit: quota.Requests}} }), []string{"main", "Limits"}},
		"no model":                {one(func(a *balancer.Account) { a.Models = map[string]string{} }), []string{"main", "Models", "nil for all"}},
		"bad model":               {one(func(a *balancer.Account) { a.Models = map[string]string{"a*b*": "x"} }), []string{"main", "Models", "use one"}},
		"proxy: unknown scheme":   {proxy("ftp://u:" + secretMark + "@10.0.0.2:21"), []string{"main", "Proxy", "scheme", "socks5"}},
		"proxy: no scheme":        {proxy("u:" + secretMark + "@10.0.0.2:1080"), []string{"main", "Proxy", "scheme"}},
		"proxy: unescaped @":      {proxy("http://u:" + secretMark + "@x@10.0.0.2:1080"), []string{"main", "Proxy", "%40"}},
		"proxy: bad port":         {proxy("http://u:" + secretMark + "@10.0.0.2:port"), []string{"main", "Proxy", "port"}},
		"proxy: two ports":        {proxy("http://10.0.0.2:8080:8080"), []string{"main", "Proxy", "colon"}},
		"proxy: password, socks4": {proxy("socks4://u:" + secretMark + "@10.0.0.2:1080"), []string{"main", "Proxy", "use socks5"}},
		"proxy: a word":           {proxy("none"), []string{"main", "Proxy", `"direct"`, `"env"`}},
		"base: two ports":         {at("http://127.0.0.1:8000:8000"), []string{"main", "Provider", "BaseURL", "8000:8000", "https://host"}},
		"base: scheme":            {at("ftp://relay.example.com"), []string{"main", "Provider", "https"}},
		"base: user info":         {at("https://u:" + secretMark + "@relay.example.com/v1"), []string{"main", "Provider"}},
		"base: empty":             {at(""), []string{"main", "Provider"}},
		"HTTP2 mode": {one(func(a *balancer.Account) {
			a.Transport = func(c *transport.Config) { c.HTTP2 = 9 }
		}), []string{"main", "HTTP2"}},
		"round tripper that is none": {balancer.Config{
			Accounts:     []balancer.Account{account("main")},
			RoundTripper: func(balancer.Account) (http.RoundTripper, error) { return nil, nil },
		}, []string{"main", "RoundTripper"}},
		"negative attempts": {balancer.Config{Accounts: []balancer.Account{account("main")}, MaxAttempts: -1}, []string{"MaxAttempts"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			lb, err := balancer.New(tt.cfg)
			require.Error(t, err)
			assert.Nil(t, lb)
			for _, part := range tt.want {
				assert.ErrorContains(t, err, part)
			}
			assert.NotContains(t, err.Error(), secretMark)
		})
	}
}

func TestABadEnvironmentIsAnErrorAndNeverDirect(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://user:"+secretMark+"%zz@10.0.0.2:8080")
	_, err := balancer.New(balancer.Config{Accounts: []balancer.Account{
		account("main", func(a *balancer.Account) { a.Proxy = "env" }),
	}})
	require.ErrorContains(t, err, "HTTPS_PROXY")
	assert.NotContains(t, err.Error(), secretMark)
}
