package balancer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
)

const (
	// askTimeout is how long one question about an account may take, the token it
	// needs included.
	askTimeout = 10 * time.Second
	// maxCheckBody is how much of an answer is looked at to judge it.
	maxCheckBody = 64 << 10
)

// finding is what came of one question.
type finding struct {
	status   int
	body     []byte
	cut      bool // the body goes on after body, or broke off
	verdict  provider.Verdict
	err      error // why no answer came, or not all of it
	proxy    string
	fallback string
	at       time.Time // when the answer came
	took     time.Duration
}

func (f finding) report(p *provider.Probe) ProbeReport {
	return ProbeReport{
		Probe: p.Name, Proves: slices.Clone(p.Proves),
		Reached: f.status != 0, Status: f.status, Proxy: f.proxy, Fallback: f.fallback,
		Duration: f.took, DurationMs: f.took.Milliseconds(),
		Class: f.verdict.Class, Code: f.verdict.Code, Message: f.verdict.Message,
		Advice: adviceOn(f.verdict, f.err), Verdict: f.verdict, Err: f.err,
	}
}

// adviceOn is the verdict's advice, unless there was not even a credential.
func adviceOn(v provider.Verdict, err error) provider.Advice {
	if failure := (*provider.CredentialError)(nil); errors.As(err, &failure) {
		advice := provider.Advice{Do: provider.RemedyWait, Text: cmp.Or(failure.Advice, "wait: what yields the credential has failed, and is asked again"), Until: failure.RetryAt}
		if failure.Permanent {
			advice.Do, advice.Text = provider.RemedyLogin, cmp.Or(failure.Advice, "log in again")
		}
		return advice
	}
	if c := (*credentialError)(nil); errors.As(err, &c) {
		return provider.Advice{Do: provider.RemedyLogin, Text: "no credential could be had: mend what yields it, or log in again"}
	}
	return v.Advice()
}

// ask sends a probe by the account's own way and judges the answer, of which at
// most limit bytes are read. A token that is refused is renewed once, where it can
// be.
func (m *member) ask(parent context.Context, p *provider.Probe, limit int64) (f finding) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(parent, askTimeout)
	defer cancel()
	w := &way{}
	token := ""
	mask := func(s string) string { return s }
	defer func() {
		f.took = time.Since(start)
		f.proxy, f.fallback = w.told()
		f.verdict.Message, f.verdict.Code = mask(f.verdict.Message), mask(f.verdict.Code)
		if f.err != nil && mask(f.err.Error()) != f.err.Error() {
			f.err = errors.New(mask(f.err.Error()))
		}
	}()
	once := func(get func(context.Context) (string, error)) {
		f = finding{}
		var req *http.Request
		if req, token, f.err = m.question(ctx, p, get); f.err == nil {
			mask = masking(token, mask)
			f = m.answerTo(ctx, parent, p, req.WithContext(transport.WithTrace(ctx, w.trace())), limit)
			return
		}
		mask = masking(token, mask)
		f.verdict = judgeAsking(parent, f.err)
	}
	once(m.token)
	renewer, ok := m.credential.(provider.Renewer)
	if !ok || p.Auth == provider.AuthNone || f.status != http.StatusUnauthorized || f.verdict.Class != provider.ClassAuthInvalid || f.verdict.Permanent {
		return f
	}
	fresh, err := renewer.Renew(provider.WithCarrier(ctx, m.beside), token)
	switch {
	case err != nil:
		f.err = &credentialError{fmt.Errorf("its token was refused and cannot be renewed: %w", err)}
		f.verdict = judgeAsking(parent, f.err)
	case fresh != token:
		once(func(context.Context) (string, error) { return fresh, nil })
	}
	return f
}

// answerTo sends a probe's request and judges what comes back.
func (m *member) answerTo(ctx, parent context.Context, p *provider.Probe, req *http.Request, limit int64) (f finding) {
	rt := m.beside
	if p.Auth != provider.AuthNone {
		rt = transport.Chain(rt, m.signing())
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return finding{verdict: judgeAsking(parent, err), err: err}
	}
	f = finding{status: resp.StatusCode, at: time.Now()}
	f.body, f.cut, f.err = readWithin(ctx, resp.Body, limit)
	if f.err != nil && resp.StatusCode < http.StatusBadRequest {
		f.verdict = judgeAsking(parent, f.err)
		return f
	}
	head := f.body[:min(len(f.body), maxCheckBody)]
	f.verdict = p.Judge(m.Provider, provider.Answer{
		Status: resp.StatusCode, Header: resp.Header, Body: head, Truncated: f.cut || len(head) < len(f.body), At: f.at,
	})
	return f
}

// question is the request of a probe as this account sends it, and the token that
// it shows, if any.
func (m *member) question(ctx context.Context, p *provider.Probe, get func(context.Context) (string, error)) (req *http.Request, token string, err error) {
	req, err = p.Request(ctx, m.Provider)
	if err != nil {
		return nil, "", &prepareError{err}
	}
	provider.StripCredentials(req)
	if p.URL == "" { // what the account adds is for its own provider
		maps.Copy(req.Header, m.Header.Clone())
	}
	if p.Auth == provider.AuthNone {
		return req, "", nil
	}
	if token, err = get(ctx); err != nil {
		return nil, "", &credentialError{err}
	}
	if _, signs := m.credential.(provider.Signer); signs && token == "" {
		return req, "", nil
	}
	if err := p.Authorize(m.Provider, req, token); err != nil {
		return nil, token, &credentialError{err}
	}
	return req, token, nil
}

// readWithin reads at most limit bytes of a body and closes it. cut tells that
// there is more, or that it broke off; a context that ends closes the body.
func readWithin(ctx context.Context, body io.ReadCloser, limit int64) (b []byte, cut bool, err error) {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = body.Close() // ends a Read that waits
	})
	defer func() {
		if stop() {
			_ = body.Close() // what it could say has been read
			return
		}
		<-closed
	}()
	b, err = io.ReadAll(io.LimitReader(body, limit+1))
	if int64(len(b)) > limit {
		return b[:limit], true, nil
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("the answer's body did not end in time: %w", context.Cause(ctx))
	}
	return b, err != nil, err
}

// judgeAsking tells what it means that no answer came, or not all of it.
func judgeAsking(parent context.Context, err error) provider.Verdict {
	v := provider.Verdict{Class: provider.ClassTransient, Scope: provider.ScopeAccount, Message: err.Error()}
	var (
		prepare    *prepareError
		credential *credentialError
		failure    *transport.Error
	)
	switch {
	case errors.Is(parent.Err(), context.Canceled): // the caller's, or Close
		v.Class, v.Scope = provider.ClassCanceled, provider.ScopeNone
	case errors.As(err, &prepare):
		v.Class, v.Scope = provider.ClassInvalidRequest, provider.ScopeNone
	case errors.As(err, &credential):
		v, _ = judgeCredential(v, err)
	case errors.As(err, &failure):
		v.Class, v.Scope = judgePhase(failure)
	case errors.Is(err, context.DeadlineExceeded):
		v.Class = provider.ClassTimeout
	}
	return v
}

// way notes which way the transport takes.
type way struct {
	mu              sync.Mutex // a dial may tell from its own goroutine
	proxy, fallback string
}

func (w *way) trace() *transport.Trace {
	return &transport.Trace{
		GotAgent: func(i transport.AgentInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.proxy = i.Proxy.String()
		},
		Fallback: func(e *transport.Error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.fallback = e.Error()
		},
	}
}

func (w *way) told() (proxy, fallback string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.proxy, w.fallback
}
