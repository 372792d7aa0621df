package balancer

import (
	"cmp"
	"context"
)

// Hint is what a caller knows better than the balancer about one request.
type Hint struct {
	Account string // only this account; "": any
	Group   string // only accounts of this group; "": any

	// Session is the conversation that the request is part of, whatever the request
	// itself says of it. Requests of one session stay with one account as long as that
	// is well and no busier than the others. "": as the request says: the header
	// x-claude-code-session-id, else prompt_cache_key, else metadata.user_id.
	Session string

	// Tenant is on whose behalf the request is made. The sessions of different tenants
	// have nothing to do with each other, be their names the same, and neither have the
	// things that providers keep for them. "": who the request says, for sessions: its
	// safety_identifier, user or metadata.user_id; callers can write there what they like.
	Tenant string
}

type hintKey struct{}

// WithHint is a context whose requests follow the hint. What the hint leaves empty is
// as an outer WithHint said: a middleware can name the tenant and a handler the session.
// So an inner one can change what an outer one said, and not take it back.
func WithHint(ctx context.Context, h Hint) context.Context {
	outer := hintOf(ctx)
	return context.WithValue(ctx, hintKey{}, Hint{
		Account: cmp.Or(h.Account, outer.Account), Group: cmp.Or(h.Group, outer.Group),
		Session: cmp.Or(h.Session, outer.Session), Tenant: cmp.Or(h.Tenant, outer.Tenant),
	})
}

func hintOf(ctx context.Context) Hint {
	h, _ := ctx.Value(hintKey{}).(Hint)
	return h
}
