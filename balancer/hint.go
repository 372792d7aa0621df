package balancer

import "context"

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

// WithHint is a context whose requests follow the hint.
func WithHint(ctx context.Context, h Hint) context.Context {
	return context.WithValue(ctx, hintKey{}, h)
}

func hintOf(ctx context.Context) Hint {
	h, _ := ctx.Value(hintKey{}).(Hint)
	return h
}
