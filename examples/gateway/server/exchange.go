package server

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/dialect"
	"github.com/aitransport/aitransport/provider"
)

// exchange is one request on its way. But for what says otherwise it belongs to the
// goroutine that serves the request.
type exchange struct {
	s     *Server
	w     http.ResponseWriter
	rc    *http.ResponseController // of w
	r     *http.Request
	id    string
	start time.Time

	route  dialect.Route
	key    *holder // nil: not known
	group  string
	body   []byte             // of JSON, plain
	length int64              // of the body, as far as it was read or told; below 0: not known
	op     provider.Operation // as the balancer found; zero: it was not asked

	ctx      context.Context // of what goes upstream
	cancel   context.CancelCauseFunc
	account  atomic.Pointer[string]          // that was asked last
	broke    atomic.Pointer[dialect.Problem] // what was wrong with the client's own body
	answered bool                            // the client has an answer's header
	whole    bool                            // and all of its body
	hurried  time.Time                       // when writes were given their time limit; zero: they have none
	status   int
	problem  *dialect.Problem
	first    time.Duration // until the first byte of the body

	mu       sync.Mutex
	attempts []balancer.Attempt
	few      [1]balancer.Attempt
	closed   bool // the record is written: an attempt that ends now is one of its own
}

// exchangeKey is under which contexts carry their exchange.
type exchangeKey struct{}

// exchangeOf is the exchange that a context belongs to; nil: none.
func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// attempted is told of each attempt that has ended.
func (s *Server) attempted(ctx context.Context, a balancer.Attempt) {
	s.states.attempted(&a)
	x := exchangeOf(ctx)
	if x == nil {
		return
	}
	x.mu.Lock()
	late := x.closed
	if !late {
		if x.attempts == nil {
			x.attempts = x.few[:0]
		}
		x.attempts = append(x.attempts, a)
	}
	x.mu.Unlock()
	if late && (a.Cost > 0 || a.Usage.Total() > 0) {
		x.recordLate(a)
	}
}

// ended are the attempts so far. From now on they are told apart.
func (x *exchange) ended() []balancer.Attempt {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	return x.attempts
}

// lastAnswer is the last attempt that got an answer; nil: none did.
func (x *exchange) lastAnswer() *balancer.Attempt {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := len(x.attempts) - 1; i >= 0; i-- {
		if x.attempts[i].Status != 0 {
			return &x.attempts[i]
		}
	}
	return nil
}

// refuse tells the client of a problem, unless an answer has begun.
func (x *exchange) refuse(p *dialect.Problem) {
	x.problem = p
	if x.answered {
		return
	}
	x.answered, x.status = true, p.HTTPStatus()
	switch p.Code {
	case dialect.CodeBodyTooLarge, dialect.CodeRequestTimeout, dialect.CodeHeaderTooLarge:
		x.w.Header()["Connection"] = []string{"close"} // what is left of the body is not waited for
	}
	dialect.Write(x.w, x.route.API, x.id, p)
	x.whole = true
}
