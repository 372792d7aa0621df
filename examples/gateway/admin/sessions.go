package admin

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aitransport/aitransport/balancer"
)

var sessionOperations = []operation{
	{method: "GET", path: "/sessions", name: "listSessions", query: []string{"limit", "cursor", "tenant", "account"}, do: (*api).listSessions},
	{method: "DELETE", path: "/sessions", name: "clearSessions", query: []string{"tenant", "all"}, do: (*api).clearSessions},
	{method: "DELETE", path: "/sessions/{id}", name: "clearSession", do: (*api).clearSession},
}

// sessionView is a conversation and its account.
type sessionView struct {
	ID string `json:"id"`
	balancer.Session
}

// maxSessions is how many sessions are looked at.
const maxSessions = 100_000

func sessionID(s balancer.Session) string { return opaque(s.Tenant, s.Session) }

// sessions are the live ones, by their ids, which do not move while they are used.
func (a *api) sessions() []sessionView {
	live := a.Gateway.Balancer().Sessions(maxSessions)
	list := make([]sessionView, len(live))
	for i, s := range live {
		list[i] = sessionView{sessionID(s), s}
	}
	slices.SortFunc(list, func(x, y sessionView) int { return strings.Compare(x.ID, y.ID) })
	return list
}

func (a *api) listSessions(c *call) (any, error) {
	list := slices.DeleteFunc(a.sessions(), func(s sessionView) bool {
		tenant, named := c.query["tenant"]
		account := c.query["account"]
		return named && s.Tenant != tenant || account != "" && s.Account != account && !slices.Contains(s.Others, account)
	})
	return paged(c, "sessions", list, func(s sessionView) string { return s.ID })
}

func (a *api) clearSession(c *call) (any, error) {
	if err := c.nothing(); err != nil {
		return nil, err
	}
	var parts []string
	raw, err := base64.RawURLEncoding.DecodeString(c.subject)
	if err != nil || json.Unmarshal(raw, &parts) != nil || len(parts) != 2 || !a.Gateway.Balancer().ClearSession(parts[0], parts[1]) {
		return nil, notFound("session")
	}
	return nil, nil
}

// clearSessions ends a tenant's sessions, or all.
func (a *api) clearSessions(c *call) (any, error) {
	if err := c.nothing(); err != nil {
		return nil, err
	}
	all, err := c.flag("all", false)
	if err != nil {
		return nil, err
	}
	tenant, named := c.query["tenant"]
	if c.subject = tenant; named == all {
		return nil, invalid("tenant", "Write whose sessions end, as tenant, or all=true for everybody's.")
	}
	if all {
		c.subject = "all"
		return count{a.Gateway.Balancer().ClearSessions()}, nil
	}
	return count{a.Gateway.Balancer().ClearTenantSessions(tenant)}, nil
}
