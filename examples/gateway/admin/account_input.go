package admin

import (
	"maps"
	"net/url"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/transport"
)

// hidden stands for a secret, in answers and where it is sent back.
const hidden = "***"

// accountInput is what is said of an account that is made or changed.
type accountInput struct {
	Name     optional[string] `json:"name"`
	Provider optional[string] `json:"provider"`
	BaseURL  optional[string] `json:"base_url"`
	Enabled  optional[*bool]  `json:"enabled"`

	Secret optional[resource.Secret] `json:"secret"`
	OAuth  optional[oauthInput]      `json:"oauth"`

	Proxy         optional[string] `json:"proxy_url"`
	ProxyAlias    optional[string] `json:"proxyUrl"`
	Fallback      optional[*bool]  `json:"proxy_fallback_to_direct"`
	FallbackAlias optional[*bool]  `json:"proxyFallbackToDirect"`

	Weight    optional[int]                `json:"weight"`
	Priority  optional[int]                `json:"priority"`
	Groups    optional[[]string]           `json:"groups"`
	Models    optional[map[string]string]  `json:"models"`
	Limits    optional[[]resource.Limit]   `json:"limits"`
	PriceRate optional[float64]            `json:"price_rate"`
	Schedule  optional[*resource.Schedule] `json:"schedule"`
	Health    optional[*resource.Health]   `json:"health"`
	Header    optional[map[string]string]  `json:"header"`
}

// oauthInput is what is said of an account's OAuth. What is absent stays as it is.
type oauthInput struct {
	TokenURL     optional[string]            `json:"token_url"`
	ClientID     optional[string]            `json:"client_id"`
	ClientSecret optional[resource.Secret]   `json:"client_secret"`
	Encoding     optional[string]            `json:"encoding"`
	Scope        optional[string]            `json:"scope"`
	RefreshToken optional[resource.Secret]   `json:"refresh_token"`
	AccessToken  optional[resource.Secret]   `json:"access_token"`
	Expiry       optional[instant]           `json:"expiry"`
	Header       optional[map[string]string] `json:"header"`
}

// apply changes an account by what is said. The account's own maps and lists stay as they
// are: others may hold them.
func (in *accountInput) apply(a *resource.Account) error {
	in.Name.apply(&a.Name)
	in.Provider.apply(&a.Provider)
	in.BaseURL.apply(&a.BaseURL)
	in.Enabled.apply(&a.Enabled)
	in.Weight.apply(&a.Weight)
	in.Priority.apply(&a.Priority)
	in.Groups.apply(&a.Groups)
	in.Models.apply(&a.Models)
	in.Limits.apply(&a.Limits)
	in.PriceRate.apply(&a.PriceRate)
	in.Schedule.apply(&a.Schedule)
	in.Health.apply(&a.Health)
	if err := secret(in.Secret, &a.Secret, "secret"); err != nil {
		return err
	}
	if err := header(in.Header, &a.Header, "header"); err != nil {
		return err
	}
	if err := in.way(a); err != nil {
		return err
	}
	return in.login(a)
}

// way changes how the account is reached.
func (in *accountInput) way(a *resource.Account) error {
	switch {
	case in.Proxy.set && in.ProxyAlias.set:
		return invalid("proxyUrl", "It is another name of proxy_url: write one of them.")
	case in.Fallback.set && in.FallbackAlias.set:
		return invalid("proxyFallbackToDirect", "It is another name of proxy_fallback_to_direct: write one of them.")
	}
	in.Fallback.apply(&a.ProxyFallbackToDirect)
	in.FallbackAlias.apply(&a.ProxyFallbackToDirect)
	field, proxy := "proxy_url", in.Proxy
	if in.ProxyAlias.set {
		field, proxy = "proxyUrl", in.ProxyAlias
	}
	switch {
	case proxy.set && a.Proxy != "" && proxy.value == shownProxy(a.Proxy):
		return nil // it came back as it was told
	case proxy.set && isHidden(proxy.value):
		return invalid(field, "Its password is ***: write the password, or send the URL back as it was told.")
	}
	proxy.apply(&a.Proxy)
	return nil
}

// login changes what renews the account's token.
func (in *accountInput) login(a *resource.Account) error {
	switch {
	case !in.OAuth.set:
		return nil
	case in.OAuth.null:
		a.OAuth = nil
		return nil
	}
	var o resource.OAuth
	if a.OAuth != nil {
		o = *a.OAuth
	}
	said := &in.OAuth.value
	said.TokenURL.apply(&o.TokenURL)
	said.ClientID.apply(&o.ClientID)
	said.Encoding.apply(&o.Encoding)
	said.Scope.apply(&o.Scope)
	said.Expiry.apply((*instant)(&o.Expiry))
	for _, s := range []struct {
		field string
		said  optional[resource.Secret]
		to    *resource.Secret
	}{
		{"oauth.client_secret", said.ClientSecret, &o.ClientSecret},
		{"oauth.refresh_token", said.RefreshToken, &o.RefreshToken},
		{"oauth.access_token", said.AccessToken, &o.AccessToken},
	} {
		if err := secret(s.said, s.to, s.field); err != nil {
			return err
		}
	}
	if err := header(said.Header, &o.Header, "oauth.header"); err != nil {
		return err
	}
	a.OAuth = &o
	return nil
}

// secret changes a secret; *** leaves it as it is.
func secret(in optional[resource.Secret], to *resource.Secret, field string) error {
	if in.value.Reveal() != hidden {
		in.apply(to)
		return nil
	}
	if to.IsZero() {
		return invalid(field, "It is ***, which stands for a secret: write the secret.")
	}
	return nil
}

// header changes headers, whose values may be secrets: those that are *** stay.
func header(in optional[map[string]string], to *map[string]string, field string) error {
	if !in.set {
		return nil
	}
	next := maps.Clone(in.value)
	for name, value := range next {
		if value != hidden {
			continue
		}
		kept, ok := (*to)[name]
		if !ok {
			return invalid(join(field, short(name)), "It is ***, which stands for a value: write the value.")
		}
		next[name] = kept
	}
	*to = next
	return nil
}

// shownProxy is a proxy's URL without its password.
func shownProxy(raw string) string {
	if raw == "" || raw == "direct" || raw == "env" {
		return raw
	}
	p, err := transport.ParseProxy(raw)
	if err != nil { // what is no proxy could hold anything
		return hidden
	}
	return p.String()
}

// isHidden tells whether a proxy's URL is one whose password was taken out.
func isHidden(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return raw == hidden
	}
	password, _ := u.User.Password()
	return password == hidden
}
