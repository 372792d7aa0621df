package balancer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
)

// token yields the credential, for Authorize. What it has to send goes the way of
// the account, and is seen by none of the Attempt layers.
func (m *member) token(ctx context.Context) (string, error) {
	if !m.static {
		ctx = provider.WithCarrier(ctx, m.beside)
	}
	return m.credential.Token(ctx)
}

// signing lets the account's credential sign what is sent, if it does that, after
// all layers; else it is nil.
func (m *member) signing() transport.Middleware {
	signer, ok := m.credential.(provider.Signer)
	if !ok {
		return nil
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			out := r.Clone(r.Context())
			if err := signer.Sign(provider.WithCarrier(r.Context(), m.beside), out); err != nil {
				closeBody(r)
				return nil, &credentialError{fmt.Errorf("signing failed: %w", err)}
			}
			return next.RoundTrip(out)
		})
	}
}

// refused tells whether an answer refuses a token that may be renewed.
func (at *attempt) refused(resp *http.Response) bool {
	if resp.StatusCode != http.StatusUnauthorized {
		return false
	}
	if _, ok := at.credential.(provider.Renewer); !ok {
		return false
	}
	head, truncated := peek(resp)
	v := at.classify(provider.Answer{
		Op: at.r.Operation, Status: resp.StatusCode, Header: resp.Header,
		Body: head, Truncated: truncated, At: time.Now(),
	})
	return v.Class == provider.ClassAuthInvalid && !v.Permanent
}

// renewed has a refused token renewed and sends the request again, once. Where that
// cannot be, the answer is the one that refused it; if only the request's body could
// not be had again, that is not held against the account, whose token is new.
func (at *attempt) renewed(ctx context.Context, refusal *http.Response, stale string) (*http.Response, error) {
	renewer, ok := at.credential.(provider.Renewer)
	if !ok {
		return refusal, nil
	}
	fresh, err := renewer.Renew(provider.WithCarrier(ctx, at.beside), stale)
	if err != nil {
		at.unrenewed = &credentialError{fmt.Errorf("its token was refused and cannot be renewed: %w", err)}
		return refusal, nil
	}
	if fresh == stale { // there is no other
		return refusal, nil
	}
	if !at.r.repeatable() {
		at.spared = true
		return refusal, nil
	}
	discard(refusal)
	at.record.Renewed = true
	resp, _, err := at.once(ctx, func(context.Context) (string, error) { return fresh, nil })
	return resp, err
}

// judgeCredential says what it means that there is no token. That is for the account
// to get over, and disables it only if somebody has to log in again; a proxy on the
// way to the token endpoint answers for itself, and is named.
func judgeCredential(v provider.Verdict, err error) (_ provider.Verdict, proxy string) {
	v.Scope = provider.ScopeAccount // whoever yields it may be back soon
	var failure *provider.CredentialError
	if !errors.As(err, &failure) {
		return v, ""
	}
	v.Class, v.Code, v.Until = cmp.Or(failure.Class, provider.ClassTransient), failure.Code, failure.RetryAt
	switch {
	case failure.Permanent:
		v.Class, v.Permanent = provider.ClassAuthInvalid, true
	case v.Class == provider.ClassAuthInvalid, v.Class == provider.ClassCanceled: // not for good; not by the caller
		v.Class = provider.ClassTransient
	}
	var way *transport.Error
	if failure.Repeated || !errors.As(err, &way) || way.Proxy == nil {
		return v, ""
	}
	switch way.Phase { // beyond the proxy the fault may be the token endpoint's
	case transport.PhaseDialProxy, transport.PhaseProxyTLS, transport.PhaseProxyHandshake, transport.PhaseProxyAuth:
		v.Class, v.Scope = judgePhase(way)
		v.Until = time.Time{}
		return v, way.Proxy.String()
	}
	return v, ""
}
