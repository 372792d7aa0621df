package transport_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	"github.com/aitransport/aitransport/transport"
)

// attempts is a round tripper that fails so often with an error and then answers
// with the body it was sent. It closes bodies as the contract says.
type attempts struct {
	failures int
	err      error
	read     bool // the body is read before the failure
	calls    int
}

func (a *attempts) RoundTrip(req *http.Request) (*http.Response, error) {
	a.calls++
	body := ""
	if req.Body != nil {
		defer req.Body.Close()
	}
	if req.Body != nil && (a.read || a.calls > a.failures) {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = string(b)
	}
	if a.calls <= a.failures {
		return nil, a.err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

// Only what was certainly not sent, and need not fail again at once, is sent again.
func TestRetryRepeatsOnlyTheUnsent(t *testing.T) {
	proxy := parse(t, "http://proxy")
	unsent := func(phase transport.Phase, cause error) error {
		return &transport.Error{Phase: phase, Sent: transport.SentNo, Err: cause}
	}
	cases := []struct {
		name   string
		err    error
		repeat bool
	}{
		{"dead connection", unsent(transport.PhaseSend, io.EOF), true},
		{"wrapped", errors.Join(errors.New("layer"), unsent(transport.PhaseSend, io.EOF)), true},
		{"refused stream", unsent(transport.PhaseWait, http2.StreamError{Code: http2.ErrCodeRefusedStream}), true},
		{"proxy hung up", unsent(transport.PhaseProxyConnect, io.ErrUnexpectedEOF), true},
		{"proxy refused", unsent(transport.PhaseDialProxy, syscall.ECONNREFUSED), true},
		{"endpoint refused", unsent(transport.PhaseDialTarget, syscall.ECONNREFUSED), true},
		{"TLS died", unsent(transport.PhaseTargetTLS, io.EOF), true},
		{"resolver fails", unsent(transport.PhaseDNS, &net.DNSError{IsTemporary: true}), true},
		{"unknown name", unsent(transport.PhaseDNS, &net.DNSError{IsNotFound: true}), false},
		{"time-out", unsent(transport.PhaseProxyConnect, context.DeadlineExceeded), false},
		{"CONNECT 502", &transport.Error{Phase: transport.PhaseProxyConnect, Sent: transport.SentNo, Proxy: proxy, Code: 502}, false},
		{"wrong password", &transport.Error{Phase: transport.PhaseProxyAuth, Sent: transport.SentNo, Proxy: proxy, Code: 407}, false},
		{"bad certificate", unsent(transport.PhaseTargetTLS, x509.UnknownAuthorityError{}), false},
		{"closed", unsent(transport.PhaseUnknown, transport.ErrClosed), false},
		{"no proxy chosen", unsent(transport.PhaseUnknown, assert.AnError), false},
		{"sent", &transport.Error{Phase: transport.PhaseWait, Sent: transport.SentYes, Err: io.EOF}, false},
		{"perhaps sent", &transport.Error{Phase: transport.PhaseWait, Sent: transport.SentUnknown, Err: io.EOF}, false},
		{"another layer's", io.EOF, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			next := &attempts{failures: 1, err: c.err}
			body := &recorder{Reader: strings.NewReader("a question")}
			req := newRequest(t, http.MethodPost, "http://api.example.com/", body)
			var told []*transport.Error
			req = req.WithContext(transport.WithTrace(req.Context(), &transport.Trace{Retry: func(e *transport.Error) { told = append(told, e) }}))
			resp, err := transport.Retry(3)(next).RoundTrip(req)
			if !c.repeat {
				require.ErrorIs(t, err, c.err)
				assert.Equal(t, 1, next.calls)
				assert.Empty(t, told)
				assert.Equal(t, 1, body.closed())
				return
			}
			require.NoError(t, err)
			assert.Equal(t, 2, next.calls)
			answer, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, "a question", string(answer))
			assert.Same(t, req, resp.Request)
			assert.Equal(t, []*transport.Error{typed(t, c.err)}, told)
			assert.Equal(t, 1, body.closed())
		})
	}
}

func TestRetryCounts(t *testing.T) {
	failure := &transport.Error{Phase: transport.PhaseSend, Sent: transport.SentNo, Err: io.EOF}
	for times, calls := range map[int]int{-1: 1, 0: 1, 1: 2, 2: 3, 5: 6} {
		next := &attempts{failures: 100, err: failure}
		body := &recorder{Reader: strings.NewReader("x")}
		_, err := transport.Retry(times)(next).RoundTrip(newRequest(t, http.MethodPost, "http://a.test", body))
		require.ErrorIs(t, err, failure)
		assert.Equal(t, calls, next.calls)
		assert.Equal(t, 1, body.closed())
	}
	// As a Config has it: 0 means one, negative none.
	for retries, dials := range map[int]int64{-1: 1, 0: 2, 1: 2, 3: 4} {
		var n atomic.Int64
		tr := newTransport(t, transport.Config{Retries: retries, Dialer: &dialerFunc{func(context.Context, string, string) (net.Conn, error) {
			n.Add(1)
			return nil, syscall.ECONNREFUSED
		}}})
		refused(t, tr, newRequest(t, http.MethodPost, "http://10.99.0.1", strings.NewReader("x")))
		assert.Equal(t, dials, n.Load(), retries)
	}
}

// A body that was begun is sent again only if it can be had anew.
func TestRetryOfABegunBody(t *testing.T) {
	failure := &transport.Error{Phase: transport.PhaseSend, Sent: transport.SentNo, Err: io.EOF}
	t.Run("without GetBody", func(t *testing.T) {
		next := &attempts{failures: 1, err: failure, read: true}
		body := &recorder{Reader: strings.NewReader("x")}
		_, err := transport.Retry(1)(next).RoundTrip(newRequest(t, http.MethodPost, "http://a.test", body))
		require.ErrorIs(t, err, failure)
		assert.Equal(t, 1, next.calls)
		assert.Equal(t, 1, body.closed())
	})
	t.Run("with GetBody", func(t *testing.T) {
		next := &attempts{failures: 2, err: failure, read: true}
		var bodies []*recorder
		req := newRequest(t, http.MethodPost, "http://a.test", nil)
		req.GetBody = func() (io.ReadCloser, error) {
			bodies = append(bodies, &recorder{Reader: strings.NewReader("x")})
			return bodies[len(bodies)-1], nil
		}
		req.Body, _ = req.GetBody()
		resp, err := transport.Retry(2)(next).RoundTrip(req)
		require.NoError(t, err)
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, "x", string(answer))
		assert.Len(t, bodies, 3)
		for _, body := range bodies {
			assert.NotZero(t, body.closed())
		}
	})
	t.Run("with a GetBody that fails", func(t *testing.T) {
		next := &attempts{failures: 1, err: failure, read: true}
		body := &recorder{Reader: strings.NewReader("x")}
		req := newRequest(t, http.MethodPost, "http://a.test", body)
		req.GetBody = func() (io.ReadCloser, error) { return nil, assert.AnError }
		_, err := transport.Retry(1)(next).RoundTrip(req)
		require.ErrorIs(t, err, failure, "the failure is the news, not that the body is lost")
		assert.Equal(t, 1, body.closed())
	})
}

func TestRetryStopsWithTheCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://a.test", nil)
	require.NoError(t, err)
	calls := 0
	_, err = transport.Retry(5)(transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		calls++
		cancel()
		return nil, &transport.Error{Phase: transport.PhaseSend, Sent: transport.SentNo, Err: io.EOF}
	})).RoundTrip(req)
	require.ErrorIs(t, err, io.EOF)
	assert.Equal(t, 1, calls)
}
