package balancer

import "context"

// Hint is what a caller knows better than the balancer about one request.
type Hint struct {
	Account string // only this account; "": any
	Group   string // only accounts of this group; "": any
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
