package balancer

import (
	"net/http"
	"slices"
	"sync"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
)

// maxPriceFactor bounds Account.PriceFactor, so that it can be counted in
// millionths.
const maxPriceFactor = 1000

// pricing is what an account's use costs. It does not change.
type pricing struct {
	prices  *provider.PriceTable // nil: nobody knows
	factor  provider.Factor
	limited bool // one of the account's limits is of cost
	own     bool // some prices are for its provider by name, and not for its vendor's alone
}

// newPricing reads an account's factor and limits.
func newPricing(a *Account, index int, prices *provider.PriceTable) (pricing, error) {
	p := pricing{prices: prices, factor: provider.Times, own: prices.Names(a.Provider.Name)}
	switch f := a.PriceFactor; {
	case f == 0:
	case !(f > 0 && f <= maxPriceFactor): // NaN too
		return p, accountError(a, index, "PriceFactor", "%v is not above 0 and at most %d: write 0.8 for a discount of a fifth, 0 for 1; what costs nothing has Free rates in Config.Prices", f, maxPriceFactor)
	default:
		p.factor = provider.Factor(f*provider.Times + 0.5)
	}
	if p.factor == 0 {
		return p, accountError(a, index, "PriceFactor", "%v is less than a millionth: what costs nothing has Free rates in Config.Prices", a.PriceFactor)
	}
	p.limited = slices.ContainsFunc(a.Limits, func(l quota.Limit) bool { return l.Unit == quota.Cost })
	if p.limited && prices == nil {
		return p, accountError(a, index, "Limits", "there is a limit of cost and no Config.Prices, so it would never be reached: set them, to provider.StarterPrices() to begin with, or limit requests or tokens")
	}
	return p, nil
}

// admits tells whether a request may be charged to the account: where cost is
// limited nothing goes unmetered for want of a price.
func (p *pricing) admits(at *provider.Provider, model string, r *Request) bool {
	return !p.limited || !chargeable(r) || p.prices.Knows(p.whose(at, model), model)
}

// chargeable tells whether a request may cost something. Reading, listing and
// removing do not, but for a conversation, which begins as a GET.
func chargeable(r *Request) bool {
	switch r.Operation.Kind {
	case provider.OpModels, provider.OpFiles, provider.OpCountTokens:
		return false
	case provider.OpRealtime:
		return true
	}
	switch r.in.Method {
	case http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions, "":
		return false
	default:
		return true
	}
}

// cost is what an answer's usage costs the account at least, and whether that is all. The
// price is that of the model as it was sent; if that has none, that of the model
// that says it answered.
func (at *attempt) cost(u provider.Usage) (nano int64, known bool) {
	p, model := &at.pricing, at.model
	if p.prices == nil {
		return 0, false
	}
	if nothing := (provider.Usage{Model: u.Model, Tier: u.Tier, Complete: u.Complete}); u == nothing {
		return 0, u.Complete
	}
	name := p.whose(at.Provider, model)
	if u.Model != "" && !p.prices.Knows(name, model) {
		model = u.Model
		name = p.whose(at.Provider, model)
	}
	nano, ok := p.prices.Cost(name, model, u)
	if !ok {
		at.tellUnpriced(u)
		nano = p.least(name, model, u)
	}
	return p.factor.Of(nano), ok && u.Complete
}

// price is what a million tokens of a model cost the account, three of input to one
// of output; below 0: not known.
func (m *member) price(asked string) int64 {
	model, ok := m.models.serves(asked)
	if !ok || m.pricing.prices == nil {
		return -1
	}
	p := &m.pricing
	nano, ok := p.prices.Cost(p.whose(m.Provider, model), model, provider.Usage{Input: 750_000, Output: 250_000, Complete: true})
	if !ok {
		return -1
	}
	return p.factor.Of(nano)
}

// whose is under which name the prices at a provider are looked up: its own, if a row
// means just that, or else its vendor's.
func (p *pricing) whose(at *provider.Provider, model string) string {
	if at.Vendor == "" || at.Vendor == at.Name {
		return at.Name
	}
	if !p.own { // Lookup copies the row
		return at.Vendor
	}
	if row, ok := p.prices.Lookup(at.Name, model); ok && row.Provider != "" && row.Provider != "*" {
		return at.Name
	}
	return at.Vendor
}

// least is what of a usage has a price at all: its tokens at the ordinary tier. A
// caller who asks for a tier or a tool without a rate must not be served for nothing.
func (p *pricing) least(name, model string, u provider.Usage) int64 {
	u.Tier, u.Images, u.Audio, u.WebSearches = "", 0, 0, 0
	nano, _ := p.prices.Cost(name, model, u) // 0 where not even that is known
	return nano
}

// tellUnpriced says, once for each model, that an answer was not charged in full
// because nobody knows its price.
func (at *attempt) tellUnpriced(u provider.Usage) {
	if !at.t.told.first(at.Provider.Name + " " + at.model + " " + u.Model + " " + u.Tier) {
		return
	}
	at.t.cfg.Logger.WarnContext(at.r.in.Context(), "Cost not known, its tokens alone are charged, if they have a price: add the price of the model, its service tier or its pieces to Config.Prices",
		"request", at.r.number, "provider", at.Provider.Name, "account", at.Name,
		"model", at.model, "answered", u.Model, "tier", u.Tier,
		"images", u.Images, "audio", u.Audio, "webSearches", u.WebSearches, "limited", at.pricing.limited)
}

// maxUnpriced bounds how many models are told of: callers may make up names.
const maxUnpriced = 1000

// unpriced remembers what was told. It is safe for concurrent use.
type unpriced struct {
	mu   sync.Mutex
	seen map[string]struct{}
}

// first tells whether the key is new.
func (u *unpriced) first(key string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, told := u.seen[key]; told || len(u.seen) >= maxUnpriced {
		return false
	}
	if u.seen == nil {
		u.seen = make(map[string]struct{})
	}
	u.seen[key] = struct{}{}
	return true
}
