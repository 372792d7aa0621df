package balancer

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
	"github.com/aitransport/aitransport/transport"
)

// member is an account, ready for use. It does not change; its counters do.
type member struct {
	*Account   // without Secret and Proxy, which live in credential and rt
	credential provider.Credential
	static     bool // it is a key, and has nothing to send
	models     *models
	policy     health.Policy
	pricing    pricing
	rt         http.RoundTripper                      // the account's transport under the Attempt layers
	beside     http.RoundTripper                      // the same without those layers: for what is sent beside the attempts
	probe      func(context.Context) transport.Report // nil: what carries the attempts is not ours
	counters   *counters

	origin, path string // of the provider's base: https://api.openai.com, /v1
	proxy        string // the account's one proxy, redacted; "": none, or it depends
	way          string // for health: "direct", the proxy, or the account's own where it depends
	identity     any    // equal for the same credential

	place       int       // in the configuration
	likeness    string    // equal for accounts that serve the same requests
	quotaKey    string    // in the quota store
	maxInFlight int64     // at the same time; 0: no limit
	domains     []*domain // of the account first, then of its way

	alone atomic.Pointer[crowd] // the account by itself, for requests that only it can serve; nil: there was none
}

// aloneOf is the account as a crowd of its own.
func (m *member) aloneOf(t *Transport) *crowd {
	if alone := m.alone.Load(); alone != nil {
		return alone
	}
	m.alone.CompareAndSwap(nil, newCrowd(t, []*member{m}, ""))
	return m.alone.Load()
}

// newMember makes an account ready. The account is ours to change.
func (t *Transport) newMember(a *Account, index int, c *counters) (*member, error) {
	if err := a.check(index); err != nil {
		return nil, err
	}
	a.Provider = a.Provider.At(a.Provider.Name, a.Provider.BaseURL) // with its base parsed
	served, err := newModels(a.Models)
	if err != nil {
		return nil, accountError(a, index, "Models", "%w", err)
	}
	price, err := newPricing(a, index, t.cfg.Prices)
	if err != nil {
		return nil, err
	}
	m := &member{Account: a, models: served, pricing: price, policy: t.cfg.Policy, counters: cmp.Or(c, &counters{}), way: "account " + a.Name, identity: credentialIdentity(a)}
	if a.Health != nil {
		m.policy = *a.Health
	}
	m.quotaKey = "account/" + a.Name
	for _, l := range a.Limits {
		if l.Unit == quota.InFlight && (m.maxInFlight == 0 || l.Max < m.maxInFlight) {
			m.maxInFlight = l.Max
		}
	}
	m.likeness = m.serving()
	base, err := url.Parse(a.Provider.BaseURL)
	if err != nil { // Validate has accepted it
		return nil, accountError(a, index, "Provider", "its base URL cannot be read")
	}
	m.origin = strings.ToLower(base.Scheme + "://" + base.Host)
	m.path = strings.TrimRight(base.EscapedPath(), "/")
	if m.credential = a.Credential; m.credential == nil {
		m.credential, m.static = provider.Key(a.Secret), true
	}
	carrier, err := t.carrier(m, index)
	if err != nil {
		return nil, err
	}
	// Errors and usage are read from decoded bytes, so attempts ask for no coding;
	// what comes coded all the same is decoded.
	m.beside = transport.Chain(carrier, t.calls.counted, transport.Decode(nil), keepContract)
	m.rt = transport.Chain(carrier, append(slices.Clone(t.cfg.Attempt), transport.Decode(nil), keepContract, m.signing())...)
	a.Secret, a.Proxy = "", ""
	return m, nil
}

// carrier is what sends the account's attempts.
func (t *Transport) carrier(m *member, index int) (http.RoundTripper, error) {
	a := m.Account
	if t.cfg.RoundTripper != nil {
		rt, err := t.cfg.RoundTripper(*a)
		if err == nil && rt == nil {
			err = fmt.Errorf("it returned neither a round tripper nor an error")
		}
		if err != nil {
			return nil, accountError(a, index, "Config.RoundTripper", "%w", err)
		}
		return rt, nil
	}
	c, err := t.transportConfig(a)
	if err != nil {
		return nil, accountError(a, index, "Proxy", "%w", err)
	}
	switch {
	case c.Proxy != nil && !c.FallbackToDirect && c.NoProxy == "":
		m.proxy = c.Proxy.String()
		m.way = m.proxy
	case c.Proxy == nil && c.ProxyFunc == nil && c.ProxySource == nil:
		m.way = proxyDirect
	}
	tr, err := transport.New(c)
	if err != nil {
		return nil, accountError(a, index, "Transport", "%w", err)
	}
	m.probe = func(ctx context.Context) transport.Report { return tr.Probe(ctx, a.Provider.BaseURL) }
	return tr, nil
}

// transportConfig is Config.Transport as the account wants it.
func (t *Transport) transportConfig(a *Account) (transport.Config, error) {
	c := t.cfg.Transport
	c.ProviderID = cmp.Or(c.ProviderID, a.Provider.Name)
	c.FallbackToDirect = c.FallbackToDirect || a.FallbackToDirect
	if !c.FallbackToDirect {
		c.FallbackOn = nil // meant for the accounts that may
	}
	switch a.Proxy {
	case "":
	case proxyDirect:
		c.Proxy, c.ProxyFunc, c.ProxySource, c.FallbackToDirect, c.FallbackOn = nil, nil, nil, false, nil
	case proxyEnvironment:
		choose, err := transport.FromEnvironment()
		if err != nil {
			return c, err
		}
		c.Proxy, c.ProxyFunc, c.ProxySource = nil, choose, nil
	default:
		p, err := transport.ParseProxy(a.Proxy)
		if err != nil {
			return c, err // check has accepted it
		}
		c.Proxy, c.ProxyFunc, c.ProxySource = p, nil, nil
	}
	if a.Transport != nil {
		a.Transport(&c)
	}
	if c.Pool == nil {
		c.Pool = t.pool
	}
	if c.Logger == nil {
		c.Logger = t.cfg.Logger
	}
	c.Logger = c.Logger.With("account", a.Name)
	return c, nil
}

// subjects are what health knows that matters for this member, whatever the model.
func (m *member) subjects() []health.Subject {
	s := []health.Subject{
		{Kind: health.KindAccount, Name: m.Name},
		{Kind: health.KindRoute, Name: m.way + " " + m.origin},
		{Kind: health.KindProvider, Name: m.Provider.Name + " " + m.origin},
	}
	if m.proxy != "" {
		s = append(s, health.Subject{Kind: health.KindProxy, Name: m.proxy})
	}
	return s
}

// ofModel are the subjects that matter when this member serves the request's model.
func (m *member) ofModel(r *Request) []health.Subject {
	model, _ := m.models.serves(r.Operation.Model)
	if model == "" {
		return nil
	}
	return []health.Subject{m.accountModel(model), m.providerModel(model)}
}

func (m *member) accountModel(model string) health.Subject {
	return health.Subject{Kind: health.KindAccountModel, Name: m.Name, Model: model}
}

func (m *member) providerModel(model string) health.Subject {
	return health.Subject{Kind: health.KindProviderModel, Name: m.Provider.Name + " " + m.origin, Model: model}
}

// authorize is how the provider, or its API, sets a credential.
func (m *member) authorize(r *http.Request, token string) error {
	if _, signs := m.credential.(provider.Signer); signs && token == "" {
		return nil
	}
	switch {
	case m.Provider.Authorize != nil:
		return m.Provider.Authorize(r, token)
	case m.Provider.API.Authorize != nil:
		return m.Provider.API.Authorize(r, token)
	default:
		return errors.New("neither the provider nor its API has an Authorize func")
	}
}

func (m *member) classify(a provider.Answer) provider.Verdict {
	switch {
	case m.Provider.Classify != nil:
		return m.Provider.Classify(a)
	case m.Provider.API.Classify != nil:
		return m.Provider.API.Classify(a)
	default: // the rules that hold for every API
		return provider.OpenAI.API.Classify(provider.Answer{Status: a.Status, Header: a.Header, At: a.At})
	}
}

func (m *member) newMeter(op provider.Operation, h http.Header) provider.Meter {
	var meter provider.Meter
	switch {
	case m.Provider.NewMeter != nil:
		meter = m.Provider.NewMeter(op, h)
	case m.Provider.API.NewMeter != nil:
		meter = m.Provider.API.NewMeter(op, h)
	}
	if meter == nil {
		return noMeter{}
	}
	return meter
}

// rateLimits reads what an answer that came at now says of rate limits.
func (m *member) rateLimits(h http.Header, now time.Time) []provider.RateLimit {
	if m.Provider.RateLimits != nil {
		return m.Provider.RateLimits(h, now)
	}
	return provider.RateLimits(h, now)
}

// noMeter is the meter of an API that has none.
type noMeter struct{}

func (noMeter) Write(p []byte) (int, error) { return len(p), nil }
func (noMeter) Usage() provider.Usage       { return provider.Usage{} }

// identityKey keeps the identity of a secret from being compared with guesses
// outside this process.
var identityKey = func() (key [32]byte) {
	_, _ = rand.Read(key[:]) // never fails: crypto/rand
	return key
}()

// credentialIdentity is equal for accounts with the same credential, and tells
// nothing about it.
func credentialIdentity(a *Account) any {
	if a.Credential == nil {
		mac := hmac.New(sha256.New, identityKey[:])
		mac.Write([]byte(a.Secret))
		return [sha256.Size]byte(mac.Sum(nil))
	}
	if reflect.ValueOf(a.Credential).Comparable() {
		return a.Credential
	}
	return new(int) // equal to no other
}
