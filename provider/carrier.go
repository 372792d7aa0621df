package provider

import (
	"context"
	"net/http"
)

type carrierKey struct{}

// WithCarrier returns a context that says what carries the requests made for an
// account beside the caller's own: renewing its token, reading its balance. A
// balancer puts the account's own transport there, proxy and all, before it asks
// a Credential for a token.
func WithCarrier(ctx context.Context, rt http.RoundTripper) context.Context {
	return context.WithValue(ctx, carrierKey{}, rt)
}

// CarrierFrom returns what WithCarrier put into ctx, or nil. Whoever finds none
// must fail rather than go another way: nothing leaves around an account's proxy.
func CarrierFrom(ctx context.Context) http.RoundTripper {
	rt, _ := ctx.Value(carrierKey{}).(http.RoundTripper)
	return rt
}
