package dialect

import (
	"cmp"
	"net/http"
	"strconv"
	"time"
)

// The codes of the gateway's own errors. Each has its status in the table of this
// package; clients find them in the body, whatever their dialect.
const (
	CodeInvalidToken       = "invalid_token"
	CodeTokenExpired       = "token_expired"
	CodeModelNotAllowed    = "model_not_allowed"
	CodeClientNotAllowed   = "client_not_allowed"
	CodeGroupNotAllowed    = "group_not_allowed"
	CodeRateLimitExceeded  = "rate_limit_exceeded"
	CodeQuotaExceeded      = "quota_exceeded"
	CodeDailyLimitExceeded = "daily_limit_exceeded"
	CodeBodyTooLarge       = "body_too_large"
	CodeNoAvailableAccount = "no_available_account"
	CodeProxyFailed        = "proxy_failed"
	CodeUpstreamError      = "upstream_error"
	CodeUpstreamTimeout    = "upstream_timeout"
	CodeModelNotFound      = "model_not_found"
	CodeNotFound           = "not_found"
	CodeMethodNotAllowed   = "method_not_allowed"
	CodeInvalidRequest     = "invalid_request"
	CodeRequestTimeout     = "request_timeout"
	CodeHeaderTooLarge     = "header_too_large"
	CodeInternal           = "internal"
)

// Problem is an error of the gateway's own. Write tells the client in its dialect; the
// zero Problem is an internal error.
type Problem struct {
	Status  int       // 0: that of the code
	Code    string    // one of this package's; "": CodeInternal
	Message string    // for people, without secrets; "": the code's own
	RetryAt time.Time // when it is of use to come back; zero: not known
	Allow   string    // the methods that are allowed; of CodeMethodNotAllowed
	Err     error     // the cause, for the log only: it is never told
}

// Error is the code, the message and the cause, for logs.
func (p *Problem) Error() string {
	text := cmp.Or(p.Code, CodeInternal) + ": " + p.message()
	if p.Err != nil {
		text += " (" + p.Err.Error() + ")"
	}
	return text
}

// Unwrap is the cause.
func (p *Problem) Unwrap() error { return p.Err }

// row is what is known of the problem's code.
func (p *Problem) row() codeRow {
	if row, ok := codes[p.Code]; ok {
		return row
	}
	return codes[CodeInternal]
}

// HTTPStatus is the status that the client is told.
func (p *Problem) HTTPStatus() int { return cmp.Or(p.Status, p.row().status) }

func (p *Problem) message() string { return cmp.Or(p.Message, p.row().message) }

// told is the message as clients get it. It begins with what the code stands for, so
// that people who see nothing but the message can tell one refusal from another.
func (p *Problem) told() string {
	if row := p.row(); row.term != "" {
		return row.term + ": " + p.message()
	}
	return p.message()
}

// longWait is how long an SDK is let wait by itself. They follow Retry-After to the
// letter: a client that sleeps for an hour looks as if it hung.
const longWait = time.Minute

// retryAfter is the seconds until RetryAt, at least one; 0: not known.
func (p *Problem) retryAfter(now time.Time) int64 {
	if p.RetryAt.IsZero() {
		return 0
	}
	return max(int64((p.RetryAt.Sub(now)+time.Second-1)/time.Second), 1)
}

// Write tells the client of a problem in its dialect, with a body that its SDK knows.
// The headers that describe another answer are removed.
func Write(w http.ResponseWriter, api API, requestID string, p *Problem) {
	if p == nil {
		p = &Problem{}
	}
	h, now := w.Header(), time.Now()
	for _, name := range []string{"Content-Encoding", "Content-Length", "Trailer", "Etag", "Last-Modified", "Cache-Control"} {
		h.Del(name)
	}
	SetRequestID(h, api, requestID)
	after := p.retryAfter(now)
	if after > 0 {
		h.Set("Retry-After", strconv.FormatInt(after, 10))
	}
	switch row := p.row(); {
	case row.final, after > int64(longWait/time.Second):
		h.Set("X-Should-Retry", "false")
	default:
		h.Del("X-Should-Retry")
	}
	if p.Allow != "" {
		h.Set("Allow", p.Allow)
	}
	body := p.body(api, requestID, after)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.HTTPStatus())
	_, _ = w.Write(body) // who does not read it has gone; a HEAD's is dropped by net/http
}

// SetRequestID names the request in the headers in which clients look for its name.
func SetRequestID(h http.Header, api API, requestID string) {
	h["X-Request-Id"] = []string{requestID}
	if api == Anthropic {
		h["Request-Id"] = []string{requestID}
	}
}
