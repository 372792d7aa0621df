package resource_test

import (
	"math"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

// goNames are words that only who writes Go knows.
var goNames = regexp.MustCompile(`\b[A-Z][a-z]+[A-Z]\w+|\b(Config|Account|Hint|Models|Secret|Credential|Weight|Proxy|Limits|Schedule|Health|Policy)\b|\bnil\b|\b(quota|transport|balancer): |\b(time|quota|provider|transport|balancer|health)[.][A-Z]`)

func TestWhatNoGatewayCanUseIsToldInTheOperatorsWords(t *testing.T) {
	fine := func() resource.Account {
		return resource.Account{Name: "a", Provider: "openai", Secret: resource.NewSecret("sk-1")}
	}
	login := func(change func(*resource.OAuth)) func(*resource.Account) {
		return func(a *resource.Account) {
			a.Secret = resource.Secret{}
			a.OAuth = &resource.OAuth{TokenURL: "https://auth.example.com/token", RefreshToken: resource.NewSecret("rt")}
			change(a.OAuth)
		}
	}
	for _, c := range []struct {
		field  string
		change func(*resource.Account)
	}{
		{"name", func(a *resource.Account) { a.Name = "" }},
		{"weight", func(a *resource.Account) { a.Weight = -1 }},
		{"price_rate", func(a *resource.Account) { a.PriceRate = 1e-9 }},
		{"price_rate", func(a *resource.Account) { a.PriceRate = math.NaN() }},
		{"secret", func(a *resource.Account) { a.Secret = resource.NewSecret("two words") }},
		{"secret", func(a *resource.Account) { a.Secret = resource.NewSecret("schlüssel") }},
		{"oauth", func(a *resource.Account) { a.OAuth = &resource.OAuth{} }},
		{"oauth.token_url", login(func(o *resource.OAuth) { o.TokenURL = "" })},
		{"oauth.token_url", login(func(o *resource.OAuth) { o.TokenURL = "http://auth.example.com/token" })},
		{"oauth.token_url", login(func(o *resource.OAuth) { o.TokenURL = "https://u:p@auth.example.com/token" })},
		{"oauth.token_url", login(func(o *resource.OAuth) { o.TokenURL = "https://auth.example.com/token#x" })},
		{"oauth.encoding", login(func(o *resource.OAuth) { o.Encoding = "xml" })},
		{"oauth.refresh_token", login(func(o *resource.OAuth) { o.RefreshToken, o.ClientSecret = resource.Secret{}, resource.NewSecret("s") })},
		{"oauth.access_token", login(func(o *resource.OAuth) { o.AccessToken = resource.NewSecret("a b") })},
		{"base_url", func(a *resource.Account) { a.BaseURL = "https://api.example.com/a/../v1" }},
		{"base_url", func(a *resource.Account) { a.BaseURL = " https://api.example.com/v1" }},
		{"base_url", func(a *resource.Account) { a.BaseURL = "https://api.example.com/@me" }},
		{"models", func(a *resource.Account) { a.Models = map[string]string{} }},
		{"models", func(a *resource.Account) { a.Models = map[string]string{"a": "b*"} }},
	} {
		a := fine()
		c.change(&a)
		var wrong *resource.FieldError
		require.ErrorAs(t, a.Check(), &wrong, c.field)
		assert.Equal(t, c.field, wrong.Field)
		assert.NotRegexp(t, goNames, wrong.Message)
	}
	a := fine()
	require.NoError(t, a.Check())
	login(func(o *resource.OAuth) { o.TokenURL = "http://localhost:1/token?tenant=a" })(&a)
	require.NoError(t, a.Check())
}

func TestHealthLimitsAndSchedulesAreToldInTheOperatorsWords(t *testing.T) {
	for _, c := range []struct {
		field string
		h     resource.Health
	}{
		{"max_rest", resource.Health{MaxRest: resource.Duration(10 * time.Second)}}, // the gateway's own rest is longer
		{"max_rest", resource.Health{Rest: resource.Duration(time.Minute), MaxRest: resource.Duration(time.Second)}},
		{"max_rate_limit_rest", resource.Health{RateLimitRest: resource.Duration(time.Hour), MaxRateLimitRest: resource.Duration(time.Minute)}},
		{"rest", resource.Health{Rest: 30}},
	} {
		_, err := c.h.Policy(30 * time.Second)
		var wrong *resource.FieldError
		require.ErrorAs(t, err, &wrong, "%+v", c.h)
		assert.Equal(t, c.field, wrong.Field)
		assert.NotRegexp(t, goNames, wrong.Message)
	}
	for _, l := range []resource.Limit{
		{Unit: "requests", Max: 1, Window: "10ns"}, {Unit: "requests", Max: 1, Window: "200000h"}, {Unit: "requests", Max: 1, Window: "-1h"},
		{Unit: "requests", Max: 1, Window: "0s"},
	} {
		_, err := l.Quota()
		require.Error(t, err, "%+v", l)
		assert.NotRegexp(t, goNames, err.Error())
	}
	for _, s := range []resource.Span{{From: "24:00", To: "08:00"}, {From: "09:00", To: "09:00"}, {From: "09:00", To: "10:00", Days: []string{}}} {
		_, err := resource.Schedule{Spans: []resource.Span{s}}.Balancer()
		require.Error(t, err, "%+v", s)
		assert.NotRegexp(t, goNames, err.Error())
	}
}
