package admin

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

var accountOperations = []operation{
	{method: "GET", path: "/accounts", name: "listAccounts", query: []string{"limit", "cursor", "provider", "group", "enabled", "limits"}, do: (*api).listAccounts},
	{method: "POST", path: "/accounts", name: "createAccount", do: (*api).createAccount},
	{method: "GET", path: "/accounts/{id}", name: "getAccount", query: []string{"limits"}, do: (*api).getAccount},
	{method: "PATCH", path: "/accounts/{id}", name: "changeAccount", do: (*api).changeAccount},
	{method: "DELETE", path: "/accounts/{id}", name: "deleteAccount", do: (*api).deleteAccount},
	{method: "POST", path: "/accounts/{id}/enable", name: "enableAccount", do: func(a *api, c *call) (any, error) { return a.switchAccount(c, true) }},
	{method: "POST", path: "/accounts/{id}/disable", name: "disableAccount", do: func(a *api, c *call) (any, error) { return a.switchAccount(c, false) }},
	{method: "POST", path: "/accounts/{id}/reset", name: "resetAccount", do: (*api).resetAccount},
	{method: "POST", path: "/accounts/reset", name: "resetAccounts", do: (*api).resetAccounts},
	{method: "POST", path: "/accounts/{id}/probe", name: "probeAccount", probe: true, do: (*api).probeAccount},
	{method: "POST", path: "/accounts/probe", name: "probeUnsavedAccount", probe: true, do: (*api).probeUnsaved},
}

// changes is how often a change is tried that somebody else's overtakes.
const changes = 4

// accounts are all there are, by name: one of the configuration hides a stored one.
func (a *api) accounts(ctx context.Context) ([]resource.Account, error) {
	stored, _, err := a.Store.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(a.Accounts, stored)
	slices.SortStableFunc(all, func(x, y resource.Account) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) })
	return all, nil
}

// account is that of an id, of the configuration or the store.
func (a *api) account(ctx context.Context, id string) (resource.Account, error) {
	if i := slices.IndexFunc(a.Accounts, func(acc resource.Account) bool { return acc.ID == id }); i >= 0 {
		return a.Accounts[i], nil
	}
	acc, err := a.Store.Account(ctx, id)
	if errors.Is(err, resource.ErrNotFound) {
		return acc, notFound("account")
	}
	return acc, err
}

// ours is an account that can be changed here.
func (a *api) ours(ctx context.Context, id string) (resource.Account, error) {
	acc, err := a.account(ctx, id)
	if err == nil && acc.FromFile {
		err = conflict(codeFromFile, "The account %q stands in the configuration file: change it there and start the gateway again.", acc.Name)
	}
	return acc, err
}

func (a *api) listAccounts(c *call) (any, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	after, err := c.after("accounts")
	if err != nil {
		return nil, err
	}
	enabled, err := c.flag("enabled", true)
	if err != nil {
		return nil, err
	}
	p, err := a.picture(c)
	if err != nil {
		return nil, err
	}
	all, err := a.accounts(c.r.Context())
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(acc resource.Account) bool {
		on := acc.Enabled == nil || *acc.Enabled
		return c.query["provider"] != "" && acc.Provider != c.query["provider"] ||
			c.query["group"] != "" && !slices.Contains(acc.Groups, c.query["group"]) ||
			c.query["enabled"] != "" && on != enabled
	})
	some, last := cut(all, after, limit, func(acc resource.Account) string { return acc.Name + "\x00" + acc.ID })
	answer := struct {
		page[accountView]
		LimitsMissing string `json:"limits_missing,omitempty"`
	}{page: page[accountView]{Data: make([]accountView, len(some))}, LimitsMissing: p.missing}
	for i, acc := range some {
		answer.Data[i] = p.view(acc)
	}
	if last != "" {
		answer.Next = cursor("accounts", last)
	}
	return answer, nil
}

func (a *api) getAccount(c *call) (any, error) {
	acc, err := a.account(c.r.Context(), c.subject)
	if err != nil {
		return nil, err
	}
	return a.one(c, acc)
}

func (a *api) createAccount(c *call) (any, error) {
	var in accountInput
	if err := c.input(&in, false); err != nil {
		return nil, err
	}
	var acc resource.Account
	if err := in.apply(&acc); err != nil {
		return nil, err
	}
	if err := a.valid(&acc); err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	if err := a.free(ctx, acc.Name, ""); err != nil {
		return nil, err
	}
	acc, err := a.Store.CreateAccount(ctx, acc)
	if errors.Is(err, resource.ErrConflict) {
		return nil, nameTaken()
	}
	if err != nil {
		return nil, err
	}
	c.subject = acc.ID
	if err := a.reload(ctx); err != nil {
		return nil, err
	}
	c.status = http.StatusCreated
	c.w.Header().Set("Location", prefix+"/accounts/"+acc.ID)
	return a.one(c, acc)
}

func (a *api) changeAccount(c *call) (any, error) {
	var in accountInput
	if err := c.input(&in, false); err != nil {
		return nil, err
	}
	return a.change(c, in.apply)
}

// change changes an account as f does, also where somebody else changes another part of it
// at the same time.
func (a *api) change(c *call, f func(*resource.Account) error) (any, error) {
	ctx := c.r.Context()
	for try := 1; ; try++ {
		before, err := a.ours(ctx, c.subject)
		if err != nil {
			return nil, err
		}
		acc := before
		if err := f(&acc); err != nil {
			return nil, err
		}
		if err := a.valid(&acc); err != nil {
			return nil, err
		}
		if err := a.free(ctx, acc.Name, acc.ID); err != nil {
			return nil, err
		}
		if acc, err = a.Store.UpdateAccount(ctx, acc); errors.Is(err, resource.ErrConflict) && try < changes {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := a.reload(ctx); err != nil {
			return nil, err
		}
		return a.one(c, acc)
	}
}

func (a *api) deleteAccount(c *call) (any, error) {
	ctx := c.r.Context()
	if err := c.nothing(); err != nil {
		return nil, err
	}
	if _, err := a.ours(ctx, c.subject); err != nil {
		return nil, err
	}
	if err := a.Store.DeleteAccount(ctx, c.subject); err != nil {
		return nil, err
	}
	return nil, a.reload(ctx)
}

// free makes sure that no other account has a name. The store does so too, where two come
// at the same time; those of the configuration it does not know.
func (a *api) free(ctx context.Context, name, id string) error {
	all, err := a.accounts(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(acc resource.Account) bool { return acc.Name == name && acc.ID != id }) {
		return nameTaken()
	}
	return nil
}

func nameTaken() *problem {
	p := conflict(codeNameTaken, "Another account has that name: write one that no other has.")
	p.Field = "name"
	return p
}

// reload has the next request served as it is stored now. The change stays where that
// fails, and is looked for again by the gateway itself.
func (a *api) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Timeout) // the change is made, whether or not the caller waits
	defer cancel()
	if err := a.Gateway.Reload(ctx); err != nil {
		return &problem{
			status: http.StatusInternalServerError, Code: codeNotApplied, cause: err,
			Message: "The change is stored, but the gateway could not load it yet. It tries again by itself.",
		}
	}
	return nil
}
