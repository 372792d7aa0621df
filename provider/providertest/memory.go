package providertest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// Client is an HTTP client whose every request, whatever its host, is answered
// by this fake, in memory: see [InMemory].
func (f *Fake) Client() *http.Client { return &http.Client{Transport: InMemory(f)} }

// InMemory is a network with one server on it: a round tripper that answers
// every request by h, without a connection, and so inside testing/synctest too.
// With an [http.ServeMux] several fakes share it, each at its own host:
//
//	mux := http.NewServeMux()
//	mux.Handle("api.openai.com/", openai)
//	mux.Handle("api.anthropic.com/", anthropic)
//
// It behaves as net/http's client and server do at the two ends of an HTTP/1.1
// connection: what the handler writes can be read at once, and up to 64 KiB
// unread; a handler that panics with [http.ErrAbortHandler] before it has
// answered makes RoundTrip fail with io.EOF, and one that does so later, or
// that writes less than it announced, breaks the body off with
// io.ErrUnexpectedEOF. When the request's context ends, or the body is closed,
// the handler's context ends; it has neither the values of the request's nor its
// deadline. A header or trailer that cannot be sent (a key with a line break,
// say) makes RoundTrip fail before the handler is called, and names arrive in
// their canonical form. Any other panic of the handler's is not caught.
//
// Each request has a goroutine of its own for its handler. RoundTrip, when it
// fails, and the body's Close wait for it to return. The round tripper has no
// state, and is safe for concurrent use if h is.
func InMemory(h http.Handler) http.RoundTripper { return memory{h} }

type memory struct{ handler http.Handler }

var errNoURL = errors.New("providertest: the request has no URL, or one without a host")

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	body := &closeOnce{ReadCloser: r.Body}
	if r.Body == nil {
		body.ReadCloser = http.NoBody
	}
	if r.URL == nil || r.URL.Host == "" {
		return nil, errors.Join(errNoURL, body.Close())
	}
	if err := errors.Join(sendable("header", r.Header), sendable("trailer", r.Trailer)); err != nil {
		return nil, errors.Join(err, body.Close())
	}
	if r.Context().Err() != nil {
		_ = body.Close()
		return nil, context.Cause(r.Context())
	}
	// What a context holds does not cross a connection; that it ends is told by x.
	ctx, cancel := context.WithCancel(context.Background())
	x := &exchange{
		cancel: cancel, gone: func() error { return context.Cause(r.Context()) },
		request: body, head: r.Method == http.MethodHead,
		header: make(http.Header), length: -1, begun: make(chan struct{}), done: make(chan struct{}),
	}
	x.readable.L, x.writable.L = &x.mu, &x.mu
	x.unwatch = context.AfterFunc(r.Context(), func() { x.end(context.Cause(r.Context())) })
	go x.serve(m.handler, arriving(ctx, r, body))
	select {
	case <-x.begun:
	case <-x.done:
	}
	if err := x.answered(); err != nil {
		_ = x.Close()
		return nil, err
	}
	return x.response(r), nil
}

// sendable tells which fields cannot stand in a request, as net/http's client
// does. Their values may be secret, and are not told.
func sendable(kind string, h http.Header) error {
	for name, values := range h {
		if !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("providertest: %q cannot be the name of a %s", name, kind)
		}
		if !slices.ContainsFunc(values, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) }) {
			continue
		}
		return fmt.Errorf("providertest: the %s %s has a value that cannot be sent: is there a line break in it?", kind, name)
	}
	return nil
}

// canonical is a header with its names as a server reads them.
func canonical(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		name = http.CanonicalHeaderKey(name)
		out[name] = append(out[name], values...)
	}
	return out
}

// arriving is a request as a server has it.
func arriving(ctx context.Context, r *http.Request, body io.ReadCloser) *http.Request {
	in := r.Clone(ctx)
	in.Body, in.GetBody, in.Response = body, nil, nil
	in.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	if in.URL.Path == "" {
		in.URL.Path = "/"
	}
	in.RequestURI, in.RemoteAddr = in.URL.RequestURI(), "in-memory"
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	if in.Method == "" {
		in.Method = http.MethodGet
	}
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	in.Header, in.Form, in.PostForm, in.MultipartForm = canonical(r.Header), nil, nil, nil
	if r.ContentLength == 0 && r.Body != nil && r.Body != http.NoBody {
		in.ContentLength = -1
	}
	if r.URL.Scheme == "https" {
		in.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: r.URL.Hostname()}
	}
	return in
}

// closeOnce is a body that both sides close.
type closeOnce struct {
	io.ReadCloser
	once sync.Once
	err  error
}

func (c *closeOnce) Close() error {
	c.once.Do(func() { c.err = c.ReadCloser.Close() })
	return c.err
}

// response is what the client gets once the handler has begun to answer.
func (x *exchange) response(r *http.Request) *http.Response {
	x.mu.Lock()
	defer x.mu.Unlock()
	return &http.Response{
		Status: strconv.Itoa(x.status) + " " + http.StatusText(x.status), StatusCode: x.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: x.sent, Body: x, ContentLength: x.length, Request: r,
	}
}
