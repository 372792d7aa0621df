package balancer

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aitransport/aitransport/health"
	"github.com/aitransport/aitransport/provider"
)

// fleet is a set of accounts, indexed. It does not change.
type fleet struct {
	members []*member
	byName  map[string]*member
	routes  []*route
	domains map[health.Subject]*domain
	ways    []*domain // of domains, what is no account: each once

	replaced chan struct{} // closed when there is another
}

// route is a base that URLs can stand below, and who may serve those.
type route struct {
	base    string // for people
	match   func(*url.URL) (rest string, ok bool)
	api     protocol
	members []*member // enabled ones, by priority
	off     []*member // those that the configuration disables
	byName  map[string]*member
	crowds  *crowds
}

// named is the account of that name; nil: it is not among them.
func (r *route) named(name string) *member { return r.byName[name] }

// newFleet makes accounts ready. Accounts of the same name as before go on with
// their counters.
func (t *Transport) newFleet(accounts []Account, before *fleet) (*fleet, error) {
	if accounts == nil {
		return nil, fmt.Errorf("balancer: Accounts: there is none: configure at least one account, or write []Account{} where they come later")
	}
	f := &fleet{byName: make(map[string]*member, len(accounts)), replaced: make(chan struct{})}
	for i := range accounts {
		a := accounts[i]
		a.Models, a.Header = maps.Clone(a.Models), canonical(a.Header)
		a.Groups, a.Limits, a.Operations = slices.Clone(a.Groups), slices.Clone(a.Limits), slices.Clone(a.Operations)
		if _, twice := f.byName[a.Name]; twice {
			return nil, accountError(&a, i, "Name", "another account has it too: names must be unique")
		}
		var c *counters
		if before != nil {
			if old, ok := before.byName[a.Name]; ok {
				c = old.counters
			}
		}
		m, err := t.newMember(&a, i, c)
		if err != nil {
			return nil, err
		}
		m.place = i
		f.members = append(f.members, m)
		f.byName[a.Name] = m
	}
	t.acquaint(f)
	f.index()
	return f, nil
}

// acquaint gives the accounts the domains that matter for them, with what the store
// knows of those that are new here.
func (t *Transport) acquaint(f *fleet) {
	f.domains = make(map[health.Subject]*domain)
	for _, m := range f.members {
		for _, s := range m.subjects() {
			f.domains[s] = nil
		}
	}
	fresh := t.domains.ofFleet(f.domains)
	for _, m := range f.members {
		for _, s := range m.subjects() {
			m.domains = append(m.domains, f.domains[s])
		}
	}
	f.ways = waysOf(f.members)
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	t.read(ctx, fresh)
	t.acquaintModels(ctx, f, fresh)
}

// maxModelsRead bounds how many models of new accounts the store is asked about.
const maxModelsRead = 10_000

// acquaintModels learns which of the models that new accounts name are out of use: a
// person, or another program, may have found that out. Patterns name none.
func (t *Transport) acquaintModels(ctx context.Context, f *fleet, fresh []*domain) {
	var subjects []health.Subject
	var names []string
	seen := make(map[health.Subject]bool)
	for _, d := range fresh {
		m := f.byName[d.subject.Name]
		if d.subject.Kind != health.KindAccount || m == nil {
			continue
		}
		for asked := range m.Models {
			model, ok := m.models.serves(asked)
			if !ok || model == "" || strings.Contains(asked, "*") || len(subjects) >= maxModelsRead {
				continue
			}
			for _, s := range [...]health.Subject{m.accountModel(model), m.providerModel(model)} {
				if !seen[s] {
					seen[s] = true
					subjects, names = append(subjects, s), append(names, asked)
				}
			}
		}
	}
	for len(subjects) > 0 && ctx.Err() == nil {
		n := min(len(subjects), readBatch)
		t.learnModels(ctx, subjects[:n], names[:n])
		subjects, names = subjects[n:], names[n:]
	}
}

// index finds the distinct bases. An API's official base leads to all accounts that
// speak it, the base of another place to the accounts there.
func (f *fleet) index() {
	type place struct {
		api  *provider.API
		base string
	}
	routes := make(map[place]*route)
	add := func(p place, match func(*url.URL) (string, bool), m *member) {
		r, ok := routes[p]
		if !ok {
			r = &route{base: p.base, match: match, api: protocol{p.api}, byName: make(map[string]*member)}
			routes[p] = r
			f.routes = append(f.routes, r)
		}
		if m.Disabled {
			r.off = append(r.off, m)
			return
		}
		r.members = append(r.members, m)
		r.byName[m.Name] = m
	}
	for _, m := range f.members { // APIs first: they win where bases are the same
		if m.Provider.API.Match != nil {
			add(place{api: m.Provider.API}, m.Provider.API.Match, m)
		}
	}
	for _, m := range f.members {
		add(place{m.Provider.API, m.origin + m.path}, m.Provider.Match, m)
	}
	for _, r := range f.routes {
		slices.SortStableFunc(r.members, func(a, b *member) int { return cmp.Compare(a.Priority, b.Priority) })
		r.crowds = newCrowds(r.members)
	}
}

// like is the route that leads to the same place as another fleet's; nil: there is none.
func (f *fleet) like(other *route) *route {
	for _, r := range f.routes {
		if r.base == other.base && r.api.Name == other.api.Name {
			return r
		}
	}
	return nil
}

// match is a route that a URL belongs to, and the URL's rest below its base.
type match struct {
	route *route
	rest  string
}

// match appends the bases that a URL stands below, the longest first: that which
// leaves the shortest rest.
func (f *fleet) match(u *url.URL, found []match) ([]match, error) {
	for _, r := range f.routes {
		if rest, ok := r.match(u); ok {
			found = append(found, match{r, rest})
		}
	}
	if len(found) == 0 {
		return nil, &Error{Err: fmt.Errorf("%w: %s: the accounts' providers are at %s; point the client's base URL there, or at the API's official base",
			ErrNoRoute, shown(u), f.bases())}
	}
	if len(found) > 1 {
		slices.SortStableFunc(found, func(a, b match) int { return cmp.Compare(len(a.rest), len(b.rest)) })
	}
	return found, nil
}

// maxBases bounds how many places an error names.
const maxBases = 10

func (f *fleet) bases() string {
	var s string
	seen := make(map[string]bool)
	for _, m := range f.members {
		if base := m.Provider.BaseURL; !seen[base] && len(seen) < maxBases {
			seen[base] = true
			if s != "" {
				s += ", "
			}
			s += base
		}
	}
	return s
}

// shown is a URL without what may be secret in it.
func shown(u *url.URL) string {
	clean := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return clean.String()
}

// protocol is an API whose funcs a user may have left out.
type protocol struct{ *provider.API }

// describe understands a request as far as the API can.
func (p protocol) describe(r *http.Request, body []byte) provider.Operation {
	if p.Describe == nil {
		return provider.Operation{API: p.Name}
	}
	return p.Describe(r, body)
}

// canonical is a copy of a header under the names that net/http uses.
func canonical(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		out[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	return out
}
