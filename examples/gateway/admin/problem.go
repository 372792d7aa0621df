package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/quota"
)

// The codes of errors.
const (
	codeUnauthorized = "unauthorized"           // 401
	codeGuessing     = "too_many_failures"      // 429
	codeInvalid      = "invalid"                // 400
	codeUnknownField = "unknown_field"          // 400
	codeNotFound     = "not_found"              // 404
	codeMethod       = "method_not_allowed"     // 405
	codeConflict     = "conflict"               // 409
	codeNameTaken    = "name_taken"             // 409
	codeFromFile     = "from_file"              // 409
	codeNotServing   = "not_serving"            // 409
	codeTooLarge     = "body_too_large"         // 413
	codeMediaType    = "unsupported_media_type" // 415
	codeNotApplied   = "not_applied"            // 500
	codeInternal     = "internal"               // 500
	codeUnsupported  = "unsupported"            // 501
	codeUnavailable  = "unavailable"            // 503
	codeTimeout      = "timeout"                // 504; 408 for a body
)

// problem is an error that the caller is told.
type problem struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
	cause   error  // for the log
}

// Error is the message, for the log.
func (p *problem) Error() string {
	if p.Field != "" {
		return p.Field + ": " + p.Message
	}
	return p.Message
}

// Unwrap is what the caller is not told.
func (p *problem) Unwrap() error { return p.cause }

func invalid(field, message string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, Code: codeInvalid, Field: field, Message: fmt.Sprintf(message, args...)}
}

func notFound(what string) *problem {
	return &problem{status: http.StatusNotFound, Code: codeNotFound, Message: "There is no such " + what + "."}
}

func conflict(code, message string, args ...any) *problem {
	return &problem{status: http.StatusConflict, Code: code, Message: fmt.Sprintf(message, args...)}
}

func unsupported(message string) *problem {
	return &problem{status: http.StatusNotImplemented, Code: codeUnsupported, Message: message}
}

// told is an error as the caller is told it. Of what is not meant for callers, the log has
// the words.
func told(err error) *problem {
	var (
		known *problem
		field *FieldError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &field):
		return invalid(field.Field, "%s", sentence(field.Message))
	case errors.Is(err, resource.ErrNotFound):
		return &problem{status: http.StatusNotFound, Code: codeNotFound, Message: "There is nothing of that id.", cause: err}
	case errors.Is(err, resource.ErrConflict):
		return &problem{status: http.StatusConflict, Code: codeConflict, Message: "Somebody else has changed it meanwhile: read it again.", cause: err}
	case errors.Is(err, errors.ErrUnsupported):
		p := unsupported("The gateway's stores cannot do that.")
		p.cause = err
		return p
	case errors.Is(err, quota.ErrUnavailable), errors.Is(err, balancer.ErrClosed):
		return &problem{status: http.StatusServiceUnavailable, Code: codeUnavailable, Message: "The quota store does not answer, or the gateway is shutting down: try again.", cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{status: http.StatusGatewayTimeout, Code: codeTimeout, Message: "It took too long: try again.", cause: err}
	}
	return &problem{status: http.StatusInternalServerError, Code: codeInternal, Message: "Something went wrong inside the gateway: its log says what, under the request id.", cause: err}
}

// write answers with the problem.
func (p *problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(struct {
		Error *problem `json:"error"`
	}{p})
	if err != nil { // three texts can always be written
		panic(err)
	}
	writeJSON(w, p.status, body)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a caller who has gone needs no answer
}
