package server

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// maxProxyURL is how long a proxy's URL may be.
const maxProxyURL = 512

// noSecretNeeded are servers of one's own, which take any key.
var noSecretNeeded = map[string]bool{"vllm": true, "ollama": true, "lmstudio": true, "llamacpp": true, "litellm": true}

// fieldError says which field of which account is wrong: it holds a *resource.FieldError.
func fieldError(a *resource.Account, field string, err error) error {
	wrong := &resource.FieldError{Field: field, Message: err.Error(), Err: err}
	var inner *resource.FieldError
	if errors.As(err, &inner) {
		wrong.Field, wrong.Message = strings.TrimPrefix(field+"."+inner.Field, "."), inner.Message
	}
	return fmt.Errorf("account %q: %w", a.Name, wrong)
}

// balancerAccount is an account as the balancer knows it, without a credential that is
// renewed: see logins. The error names the account and the field.
func (c *Config) balancerAccount(a *resource.Account) (balancer.Account, error) {
	b := balancer.Account{
		Name: a.Name, Secret: a.Secret.Reveal(), Weight: a.Weight, Priority: a.Priority,
		Groups: slices.Clone(a.Groups), Disabled: a.Enabled != nil && !*a.Enabled,
	}
	if err := a.Check(); err != nil {
		return b, fieldError(a, "", err)
	}
	if len(a.Models) > 0 {
		b.Models = maps.Clone(a.Models)
	}
	var err error
	if b.Provider, err = c.provider(a); err != nil {
		return b, err
	}
	if b.Secret == "" && a.OAuth == nil && noSecretNeeded[a.Provider] {
		b.Secret = "none"
	}
	if strings.TrimSpace(b.Secret) == "" && a.OAuth == nil {
		return b, fieldError(a, "secret", errors.New("it is missing or empty: write the API key, or oauth"))
	}
	if b.Proxy, b.FallbackToDirect, err = c.way(a); err != nil {
		return b, err
	}
	if b.Limits, err = limitsOf(a); err != nil {
		return b, err
	}
	b.PriceFactor = a.PriceRate
	if a.Schedule != nil {
		if b.Schedule, err = a.Schedule.Balancer(); err != nil {
			return b, fieldError(a, "schedule", err)
		}
	}
	var policy health.Policy
	if policy, err = a.Health.Policy(c.UnavailableTTL); err != nil {
		return b, fieldError(a, "health", err)
	}
	b.Health = &policy
	if len(a.Header) > 0 {
		b.Header = make(http.Header, len(a.Header))
		for name, value := range a.Header {
			b.Header.Set(name, value)
		}
	}
	return b, nil
}

func limitsOf(a *resource.Account) ([]quota.Limit, error) {
	var limits []quota.Limit
	for i, l := range a.Limits {
		limit, err := l.Quota()
		if err != nil {
			return nil, fieldError(a, fmt.Sprintf("limits[%d]", i), err)
		}
		limits = append(limits, limit)
	}
	return limits, nil
}

// provider is whose API the account speaks, and where. One at a place of its own has a
// name of its own, since health is kept by it; its prices are its vendor's.
func (c *Config) provider(a *resource.Account) (*provider.Provider, error) {
	p, ok := provider.Lookup(a.Provider)
	if !ok {
		return nil, fieldError(a, "provider", fmt.Errorf("%.60q is not in the catalogue", a.Provider))
	}
	p.Vendor = cmp.Or(p.Vendor, p.Name)
	if a.BaseURL != "" {
		u, err := url.Parse(a.BaseURL)
		if err != nil { // its text would quote the URL
			return nil, fieldError(a, "base_url", errors.New("it is no address: write it as https://host[:port][/path]"))
		}
		p = p.At(p.Name+"@"+u.Host, a.BaseURL)
		if err := c.address(a.BaseURL); err != nil {
			return nil, fieldError(a, "base_url", err)
		}
	}
	p.Authorize = noted(p, a.Name)
	return p, nil
}

// noted is a provider's Authorize that notes which account a request has been given to.
func noted(p *provider.Provider, account string) func(*http.Request, string) error {
	authorize := p.Authorize
	if authorize == nil {
		authorize = p.API.Authorize
	}
	return func(r *http.Request, token string) error {
		if x := exchangeOf(r.Context()); x != nil {
			x.account.Store(&account)
		}
		return authorize(r, token)
	}
}

// way is the account's proxy and fallback: its own, else its provider's, else the
// gateway's.
func (c *Config) way(a *resource.Account) (proxy string, fallback bool, err error) {
	of := c.Providers[a.Provider]
	proxy = cmp.Or(a.Proxy, of.Proxy, c.Proxy)
	fallback = c.ProxyFallbackToDirect
	for _, set := range []*bool{of.ProxyFallbackToDirect, a.ProxyFallbackToDirect} {
		if set != nil {
			fallback = *set
		}
	}
	switch {
	case proxy == "" || proxy == "direct":
		return proxy, fallback, nil
	case proxy == "env":
		if _, err := transport.FromEnvironment(); err != nil {
			return "", false, fieldError(a, "proxy_url", err)
		}
		return proxy, fallback, nil
	case len(proxy) > maxProxyURL:
		return "", false, fieldError(a, "proxy_url", fmt.Errorf("it is longer than %d characters", maxProxyURL))
	}
	p, err := transport.ParseProxy(proxy)
	if err != nil {
		return "", false, fieldError(a, "proxy_url", fmt.Errorf("%w; or write direct or env", err))
	}
	host, _, err := net.SplitHostPort(p.Addr())
	if err == nil && !c.AllowLinkLocal {
		err = checkHost(host)
	}
	if err != nil {
		return "", false, fieldError(a, "proxy_url", err)
	}
	return proxy, fallback, nil
}

// address is checkURL, unless every address is allowed.
func (c *Config) address(raw string) error {
	if c.AllowLinkLocal {
		return nil
	}
	return checkURL(raw)
}
