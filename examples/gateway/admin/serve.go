package admin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// maxProbes is how many probes run at the same time; others wait.
const maxProbes = 8

// api serves the requests.
type api struct {
	Config
	token       *token
	mux         *http.ServeMux
	description []byte
	probes      chan struct{}
}

// call is a request under way.
type call struct {
	r     *http.Request
	w     http.ResponseWriter
	query map[string]string // of the operation's parameters, those given

	status  int    // of a good answer; 0: 200, or 204 without a body
	subject string // which it is about, for the log
}

// ServeHTTP serves a request that has the token.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := "adm_" + rand.Text()
	h := w.Header()
	h.Set("X-Request-Id", id)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	ip := a.ClientIP(r)
	if refused, wait := a.token.check(r, ip); refused != nil {
		if wait > 0 {
			h.Set("Retry-After", seconds(wait))
		} else {
			h.Set("WWW-Authenticate", `Bearer realm="gateway admin"`)
		}
		a.Logger.LogAttrs(r.Context(), slog.LevelWarn, "Admin refused", slog.String("request_id", id),
			slog.String("client_ip", ip), slog.String("method", short(r.Method)), slog.String("path", short(r.URL.Path)), slog.String("code", refused.Code))
		refused.write(w)
		return
	}
	log := a.Logger.With(slog.String("request_id", id), slog.String("who", a.token.hint), slog.String("client_ip", ip))
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler { //nolint:errorlint // the value itself is the sign
			log.LogAttrs(r.Context(), slog.LevelError, "Admin panic", slog.Any("reason", v), slog.String("stack", string(debug.Stack())))
			told(nil).write(w)
		} else if v != nil {
			panic(v)
		}
	}()
	a.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), logKey{}, log)))
}

type logKey struct{}

// log is the logger of a request.
func (c *call) log() *slog.Logger { return c.r.Context().Value(logKey{}).(*slog.Logger) }

// serve runs an operation, answers, and logs what was changed.
func (a *api) serve(w http.ResponseWriter, r *http.Request, op *operation) {
	timeout := a.Timeout
	if op.probe {
		timeout = a.ProbeTimeout
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	// A writer that knows no deadlines has a server that has its own.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(timeout))
	c := &call{r: r.WithContext(ctx), w: w, subject: r.PathValue("id")}
	answer, err := a.run(c, op)
	var p *problem
	if err != nil {
		p = told(err)
	}
	a.note(c, op, p)
	if p != nil {
		p.write(w)
		return
	}
	c.answer(answer)
}

// run checks what is asked and does it.
func (a *api) run(c *call, op *operation) (any, error) {
	var err error
	if c.query, err = query(c.r, op.query); err != nil {
		return nil, err
	}
	return op.do(a, c)
}

// answer writes what an operation has come to.
func (c *call) answer(v any) {
	if v == nil {
		c.w.WriteHeader(http.StatusNoContent)
		return
	}
	body, ok := v.(json.RawMessage)
	if !ok {
		var err error
		if body, err = json.Marshal(v); err != nil {
			p := told(err)
			c.log().LogAttrs(c.r.Context(), slog.LevelError, "Admin answer not written", slog.Any("error", err))
			p.write(c.w)
			return
		}
	}
	if c.status == 0 {
		c.status = http.StatusOK
	}
	writeJSON(c.w, c.status, body)
}

// note logs changes, and what went wrong inside.
func (a *api) note(c *call, op *operation, p *problem) {
	change := op.method != http.MethodGet
	if !change && (p == nil || p.status < http.StatusInternalServerError) {
		return
	}
	attrs := []slog.Attr{slog.String("action", op.name), slog.String("id", short(c.subject))}
	level, text := slog.LevelInfo, "Admin change"
	if p != nil {
		attrs = append(attrs, slog.Int("status", p.status), slog.String("code", p.Code))
		if p.Field != "" {
			attrs = append(attrs, slog.String("field", short(p.Field)))
		}
		if level, text = slog.LevelWarn, "Admin change refused"; p.status >= http.StatusInternalServerError {
			level, text = slog.LevelError, "Admin request failed"
		}
		if p.cause != nil {
			attrs = append(attrs, slog.Any("error", p.cause))
		}
	}
	c.log().LogAttrs(context.WithoutCancel(c.r.Context()), level, text, attrs...)
}
