package admin

import (
	"slices"
	"strconv"
	"strings"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/health"
)

var restOperations = []operation{
	{method: "GET", path: "/rests", name: "listRests", query: []string{"kind", "limit", "cursor"}, do: (*api).listRests},
	{method: "DELETE", path: "/rests", name: "clearRests", query: []string{"kind"}, do: (*api).clearRests},
	{method: "DELETE", path: "/rests/{id}", name: "clearRest", do: (*api).clearRest},
}

// rest is something that is out of use.
type rest struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	balancer.DomainSnapshot
}

// kindIDs are the kinds of what can rest, by the names in the API.
var kindIDs = map[health.Kind]string{
	health.KindAccount: "account", health.KindAccountModel: "account_model", health.KindProvider: "provider",
	health.KindProviderModel: "provider_model", health.KindProxy: "proxy", health.KindRoute: "route",
}

// restID names a subject in URLs.
func restID(s health.Subject) string { return opaque(strconv.Itoa(int(s.Kind)), s.Name, s.Model) }

// rests are all that is out of use, of a kind or of all ("").
func (a *api) rests(c *call, kind string) ([]rest, error) {
	if kind != "" && !slices.Contains([]string{"account", "account_model", "provider", "provider_model", "proxy", "route"}, kind) {
		return nil, invalid("kind", "Write account, account_model, provider, provider_model, proxy or route.")
	}
	s, err := a.Gateway.Balancer().Snapshot(c.r.Context())
	if err != nil {
		return nil, err
	}
	list := []rest{}
	add := func(domains ...balancer.DomainSnapshot) {
		for _, d := range domains {
			if name := kindIDs[d.Subject.Kind]; d.State != health.PhaseClosed.String() && (kind == "" || kind == name) {
				list = append(list, rest{restID(d.Subject), name, d})
			}
		}
	}
	for i := range s.Accounts {
		one := &s.Accounts[i]
		add(balancer.DomainSnapshot{Subject: health.Subject{Kind: health.KindAccount, Name: one.Name}, Name: one.Name, HealthSnapshot: one.HealthSnapshot})
		add(one.Models...)
	}
	add(s.Proxies...)
	add(s.Routes...)
	add(s.Providers...)
	add(s.Models...)
	slices.SortFunc(list, func(x, y rest) int { return strings.Compare(x.ID, y.ID) })
	return list, nil
}

func (a *api) listRests(c *call) (any, error) {
	list, err := a.rests(c, c.query["kind"])
	if err != nil {
		return nil, err
	}
	return paged(c, "rests", list, func(r rest) string { return r.ID })
}

// clear ends a rest; what is disabled is enabled.
func (a *api) clear(c *call, r rest) error {
	if r.State == health.PhaseDisabled.String() {
		return a.Gateway.Balancer().EnableSubject(c.r.Context(), r.Subject)
	}
	return a.Gateway.Balancer().ClearRest(c.r.Context(), r.Subject)
}

func (a *api) clearRest(c *call) (any, error) {
	if err := c.nothing(); err != nil {
		return nil, err
	}
	list, err := a.rests(c, "")
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(r rest) bool { return r.ID == c.subject })
	if i < 0 {
		return nil, notFound("rest")
	}
	c.subject = list[i].Subject.String()
	return nil, a.clear(c, list[i])
}

// clearRests ends all rests, of a kind or of all. What is disabled stays so.
func (a *api) clearRests(c *call) (any, error) {
	if err := c.nothing(); err != nil {
		return nil, err
	}
	c.subject = c.query["kind"]
	list, err := a.rests(c, c.query["kind"])
	if err != nil {
		return nil, err
	}
	n := 0
	for _, r := range list {
		if r.State == health.PhaseDisabled.String() {
			continue
		}
		if err := a.clear(c, r); err != nil {
			return nil, err
		}
		n++
	}
	return count{n}, nil
}
