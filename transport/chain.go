package transport

import "net/http"

// Middleware is a layer around a round tripper. What it returns keeps the contract
// of [http.RoundTripper]: it leaves the request alone, closes its body, and returns
// either an answer or an error.
type Middleware func(http.RoundTripper) http.RoundTripper

// RoundTripperFunc is a function as a round tripper.
type RoundTripperFunc func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f RoundTripperFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Chain puts layers around a round tripper, the first outermost. nil layers are
// left out.
func Chain(rt http.RoundTripper, layers ...Middleware) http.RoundTripper {
	for i := len(layers) - 1; i >= 0; i-- {
		if layers[i] != nil {
			rt = layers[i](rt)
		}
	}
	return rt
}
