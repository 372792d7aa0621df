package server

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/dialect"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/quota"
)

// failed is what the client is told of a request that got no answer.
func (x *exchange) failed(err error) *dialect.Problem {
	var (
		known    *dialect.Problem
		over     *quota.ExceededError
		balanced *balancer.Error
	)
	cause := context.Cause(x.ctx)
	switch {
	case errors.Is(cause, errCancelled):
		return cancelled(err)
	case errors.As(err, &known):
		return known
	case errors.As(err, &over):
		return exceeded(over, x.key.Rate())
	case !errors.As(err, &balanced):
		return &dialect.Problem{Code: dialect.CodeInternal, Err: err}
	case errors.Is(err, balancer.ErrUnsupported):
		return &dialect.Problem{Code: dialect.CodeInvalidRequest, Message: "Conversations over a WebSocket are not served here.", Err: err}
	case errors.Is(err, balancer.ErrClosed):
		return &dialect.Problem{Code: dialect.CodeNoAvailableAccount, Message: "The gateway is shutting down.", Err: err}
	}
	return x.unanswered(balanced)
}

// cancelled is what the client is told of a request that Cancel ended: of the codes, none but
// this one says that there is no answer and that clients are not to send the request again.
func cancelled(err error) *dialect.Problem {
	return &dialect.Problem{Code: dialect.CodeUpstreamError, Message: "The request was cancelled by an administrator.", Err: err}
}

// unanswered tells by the attempts why there is no answer.
func (x *exchange) unanswered(err *balancer.Error) *dialect.Problem {
	p := &dialect.Problem{Code: dialect.CodeUpstreamError, RetryAt: err.RetryAt, Err: err}
	none := errors.Is(err, balancer.ErrNoAccount) || errors.Is(err, balancer.ErrNoRoute)
	switch n := len(err.Attempts); {
	case none && n == 0:
		return x.unserved(err)
	case errors.Is(err, quota.ErrUnavailable), errors.Is(err, balancer.ErrStoreBroken):
		p.Code, p.Status, p.Message = dialect.CodeInternal, http.StatusServiceUnavailable, "What this API key may use cannot be looked up at the moment."
	case n == 0: // a store has failed, or the deadline has passed
		p.Code = dialect.CodeInternal
		if err.Timeout() {
			p.Code = dialect.CodeUpstreamTimeout
		}
	case all(err.Attempts, provider.ClassProxyFailed):
		p.Code = dialect.CodeProxyFailed
	case all(err.Attempts, provider.ClassAuthInvalid), all(err.Attempts, provider.ClassQuotaExhausted):
		p.Code = dialect.CodeNoAvailableAccount
	case err.Attempts[n-1].Class == provider.ClassProxyFailed:
		p.Code = dialect.CodeProxyFailed
	case err.Attempts[n-1].Class == provider.ClassTimeout, err.Timeout():
		p.Code = dialect.CodeUpstreamTimeout
	}
	return p
}

func all(attempts []balancer.Attempt, class provider.Class) bool {
	for i := range attempts {
		if attempts[i].Class != class {
			return false
		}
	}
	return true
}

// withheld is what the client is told in place of an answer that is about an account of
// ours, or no answer at all; nil: it gets the answer as it came.
func (x *exchange) withheld(resp *http.Response) *dialect.Problem {
	status := resp.StatusCode
	switch {
	case status < http.StatusMultipleChoices || status == http.StatusNotModified:
		return nil
	case status < http.StatusBadRequest:
		return &dialect.Problem{Code: dialect.CodeUpstreamError, Message: "The provider sent the request elsewhere, where it does not go."}
	}
	class := provider.ClassUnknown
	if a := x.lastAnswer(); a != nil {
		class = a.Class
	}
	switch class {
	case provider.ClassAuthInvalid, provider.ClassPermission, provider.ClassQuotaExhausted, provider.ClassEgressBlocked:
		return &dialect.Problem{Code: dialect.CodeNoAvailableAccount, RetryAt: x.s.recovery.next(x.r.Context(), x.s)}
	}
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden:
		if class != provider.ClassContentPolicy && class != provider.ClassModelNotFound {
			return &dialect.Problem{Code: dialect.CodeNoAvailableAccount, RetryAt: x.s.recovery.next(x.r.Context(), x.s)}
		}
	case http.StatusProxyAuthRequired:
		return &dialect.Problem{Code: dialect.CodeProxyFailed}
	}
	if status >= http.StatusInternalServerError && !isJSON(resp.Header) { // a page of something in between
		if status == http.StatusGatewayTimeout {
			return &dialect.Problem{Code: dialect.CodeUpstreamTimeout}
		}
		return &dialect.Problem{Code: dialect.CodeUpstreamError}
	}
	return nil
}

func isJSON(h http.Header) bool {
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// discard closes an answer that nobody gets. A little of it is read, so that its
// connection can be used again.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	_ = resp.Body.Close()
}
