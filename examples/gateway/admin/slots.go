package admin

import (
	"slices"
	"strings"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

var slotOperations = []operation{
	{method: "GET", path: "/slots", name: "listSlots", query: []string{"limit", "cursor", "key_id", "user_id", "account"}, do: (*api).listSlots},
	{method: "DELETE", path: "/slots/{id}", name: "cancelSlot", do: (*api).cancelSlot},
}

// listSlots lists the requests in flight, the oldest first.
func (a *api) listSlots(c *call) (any, error) {
	list := slices.DeleteFunc(slices.Clone(a.Gateway.Active()), func(r resource.Active) bool {
		return c.query["key_id"] != "" && r.KeyID != c.query["key_id"] ||
			c.query["user_id"] != "" && r.UserID != c.query["user_id"] ||
			c.query["account"] != "" && r.Account != c.query["account"]
	})
	at := func(r resource.Active) string { return r.Since.UTC().Format("20060102150405.000000000") + " " + r.ID }
	slices.SortFunc(list, func(x, y resource.Active) int { return strings.Compare(at(x), at(y)) })
	return paged(c, "slots", list, at)
}

func (a *api) cancelSlot(c *call) (any, error) {
	if err := c.nothing(); err != nil {
		return nil, err
	}
	if !a.Gateway.Cancel(c.subject) {
		return nil, notFound("request in flight")
	}
	return nil, nil
}
