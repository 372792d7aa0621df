package transport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
	"github.com/aitransport/aitransport/transport/transporttest"
)

// scripted is a round tripper that fails with the given errors, one after another,
// and then answers; it counts.
type scripted struct {
	errs []error
	sent int
}

func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	s.sent++
	defer func() {
		if r.Body != nil {
			_ = r.Body.Close()
		}
	}()
	if len(s.errs) > 0 {
		err := s.errs[0]
		s.errs = s.errs[1:]
		return nil, err
	}
	if r.Body != nil {
		if _, err := io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

func TestRetrySendsAgainWhatWasNeverSent(t *testing.T) {
	unsent := func(p transport.Phase, err error) *transport.Error {
		return &transport.Error{Phase: p, Sent: transport.SentNo, Err: err}
	}
	coded := unsent(transport.PhaseProxyConnect, nil)
	coded.Code = 502
	tests := map[string]struct {
		errs  []error
		times int
		want  int // sendings
	}{
		"a dead idle connection":     {[]error{unsent(transport.PhaseSend, io.EOF)}, 1, 2},
		"refused, once":              {[]error{unsent(transport.PhaseDialTarget, syscall.ECONNREFUSED)}, 1, 2},
		"more often than allowed":    {[]error{unsent(transport.PhaseSend, io.EOF), unsent(transport.PhaseSend, io.EOF)}, 1, 2},
		"as often as allowed":        {[]error{unsent(transport.PhaseSend, io.EOF), unsent(transport.PhaseSend, io.EOF)}, 2, 3},
		"none allowed":               {[]error{unsent(transport.PhaseSend, io.EOF)}, 0, 1},
		"sent":                       {[]error{&transport.Error{Phase: transport.PhaseWait, Sent: transport.SentYes, Err: io.EOF}}, 1, 1},
		"not known":                  {[]error{&transport.Error{Phase: transport.PhaseWait, Err: io.EOF}}, 1, 1},
		"a time-out":                 {[]error{unsent(transport.PhaseDialProxy, context.DeadlineExceeded)}, 1, 1},
		"a refused password":         {[]error{unsent(transport.PhaseProxyAuth, nil)}, 1, 1},
		"a proxy's refusal":          {[]error{coded}, 1, 1},
		"closed":                     {[]error{unsent(transport.PhaseUnknown, transport.ErrClosed)}, 1, 1},
		"somebody else's error type": {[]error{errors.New("who knows")}, 1, 1},
	}
	for name, tt := range tests {
		for _, getBody := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", GetBody", false: ", unread body"}[getBody], func(t *testing.T) {
				base := &scripted{errs: tt.errs}
				rt := transport.Chain(base, transport.Retry(tt.times))
				body := &closing{Reader: strings.NewReader("hello")}
				req := newRequest(t, http.MethodPost, "https://h/", body)
				if getBody {
					req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("hello")), nil }
				}
				resp, err := rt.RoundTrip(req)
				assert.Equal(t, tt.want, base.sent)
				assert.True(t, body.closed, "the body is closed on every path")
				if err == nil {
					assert.Same(t, req, resp.Request)
				}
			})
		}
	}
	t.Run("not for a caller who has gone", func(t *testing.T) {
		base := &scripted{errs: []error{unsent(transport.PhaseSend, io.EOF)}}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := transport.Chain(base, transport.Retry(1)).RoundTrip(newRequest(t, http.MethodGet, "https://h/", nil).WithContext(ctx))
		require.Error(t, err)
		assert.Equal(t, 1, base.sent)
	})
}

func TestFallbackToDirect(t *testing.T) {
	ca, foreign := newCA(t), newCA(t)
	server := newServer(t, transporttest.ServerConfig{CA: ca, Handler: http.HandlerFunc(parrot)})
	tests := map[string]struct {
		config   transporttest.ProxyConfig
		fault    transporttest.Fault
		wrong    bool // password
		fallback bool
		phase    transport.Phase
	}{
		"refused":             {fault: transporttest.Fault{Kind: transporttest.FaultDown}, fallback: true, phase: transport.PhaseDialProxy},
		"mute":                {fault: transporttest.Fault{Kind: transporttest.FaultHang}, fallback: true, phase: transport.PhaseProxyConnect},
		"502":                 {fault: transporttest.Fault{Kind: transporttest.FaultAnswer, Status: 502}, fallback: true, phase: transport.PhaseProxyConnect},
		"403":                 {fault: transporttest.Fault{Kind: transporttest.FaultAnswer, Status: 403}, fallback: true, phase: transport.PhaseProxyConnect},
		"hangs up":            {fault: transporttest.Fault{Kind: transporttest.FaultCutHandshake}, fallback: true, phase: transport.PhaseProxyConnect},
		"garbage":             {fault: transporttest.Fault{Kind: transporttest.FaultGarbage}, fallback: true, phase: transport.PhaseProxyConnect},
		"TLS cut":             {fault: transporttest.Fault{Kind: transporttest.FaultCutTunnel}, fallback: true, phase: transport.PhaseTargetTLS},
		"TLS mute":            {fault: transporttest.Fault{Kind: transporttest.FaultHangTunnel}, fallback: true, phase: transport.PhaseTargetTLS},
		"socks refused":       {config: transporttest.ProxyConfig{Scheme: "socks5"}, fault: transporttest.Fault{Kind: transporttest.FaultAnswer, Status: 4}, fallback: true, phase: transport.PhaseProxyConnect},
		"wrong password":      {config: transporttest.ProxyConfig{User: "u", Password: "right"}, wrong: true, phase: transport.PhaseProxyAuth},
		"socks, wrong":        {config: transporttest.ProxyConfig{Scheme: "socks5", User: "u", Password: "right"}, wrong: true, phase: transport.PhaseProxyAuth},
		"407 without asking":  {fault: transporttest.Fault{Kind: transporttest.FaultAnswer, Status: 407}, phase: transport.PhaseProxyAuth},
		"an unknown TLS root": {config: transporttest.ProxyConfig{Scheme: "https", CA: foreign}, phase: transport.PhaseProxyTLS},
	}
	for name, tt := range tests {
		for _, allowed := range []bool{false, true} {
			t.Run(name+map[bool]string{false: ", off", true: ", on"}[allowed], func(t *testing.T) {
				tt.config.Fault = tt.fault
				proxy := startProxy(t, tt.config)
				raw := proxy.URL()
				if tt.wrong {
					raw = strings.Replace(raw, "right", "wrong", 1)
				}
				before := server.Accepted()
				tr := newTransport(t, transport.Config{
					TLS: trust(ca), Proxy: parse(t, raw), FallbackToDirect: allowed,
					ConnectTimeout: map[bool]time.Duration{true: brief}[strings.Contains(name, "mute")],
				})
				// A body without GetBody survives, since nothing of it was sent.
				req := newRequest(t, http.MethodPost, server.URL(), &closing{Reader: strings.NewReader("hello")})
				if allowed && tt.fallback {
					_, text := exchange(t, tr, req)
					assert.Equal(t, "hello", text)
					return
				}
				e := refused(t, tr, req)
				assert.Equal(t, tt.phase, e.Phase)
				assert.Equal(t, transport.SentNo, e.Sent)
				assert.Equal(t, before, server.Accepted(), "nothing goes direct")
			})
		}
	}
}

func TestFallbackThatFailsTellsBoth(t *testing.T) {
	tr := newTransport(t, transport.Config{Proxy: parse(t, "http://"+closedPort(t)), FallbackToDirect: true})
	e := refused(t, tr, newRequest(t, http.MethodGet, "http://"+closedPort(t), nil))
	assert.Equal(t, transport.PhaseDialTarget, e.Phase)
	require.NotNil(t, e.Earlier)
	assert.Equal(t, transport.PhaseDialProxy, e.Earlier.Phase)
	assert.ErrorContains(t, e, "cannot connect to the proxy")
	assert.ErrorContains(t, e, "tried directly after")
}

func TestFallbackIsLoggedAndTraced(t *testing.T) {
	var log bytes.Buffer
	server := newServer(t, transporttest.ServerConfig{Handler: text("hi")})
	dead := startProxy(t, transporttest.ProxyConfig{User: "u", Password: marker, Fault: transporttest.Fault{Kind: transporttest.FaultDown}})
	tr := newTransport(t, transport.Config{
		Proxy: parse(t, dead.URL()), FallbackToDirect: true, Logger: slog.New(slog.NewJSONHandler(&log, nil)), ProviderID: "main",
	})
	var fellBack *transport.Error
	var routes []string
	ctx := transport.WithTrace(t.Context(), &transport.Trace{
		Fallback: func(e *transport.Error) { fellBack = e },
		GotAgent: func(i transport.AgentInfo) { routes = append(routes, i.Proxy.String()) },
	})
	outer := 0
	ctx = transport.WithTrace(ctx, &transport.Trace{GotAgent: func(transport.AgentInfo) { outer++ }})
	_, body := exchange(t, tr, newRequest(t, http.MethodGet, server.URL(), nil).WithContext(ctx))
	assert.Equal(t, "hi", body)
	require.NotNil(t, fellBack)
	assert.Equal(t, []string{parse(t, dead.URL()).String(), "direct"}, routes[len(routes)-2:])
	assert.Equal(t, len(routes), outer, "both traces are told")

	type line struct {
		Level            string `json:"level"`
		Msg              string `json:"msg"`
		ProviderID       string `json:"providerId"`
		ProxyURL         string `json:"proxyUrl"`
		Origin           string `json:"origin"`
		FallbackToDirect bool   `json:"fallbackToDirect"`
		HTTP2Enabled     *bool  `json:"http2Enabled"`
	}
	var lines []line
	no := false
	for raw := range strings.Lines(log.String()) {
		var l line
		require.NoError(t, json.Unmarshal([]byte(raw), &l))
		lines = append(lines, l)
	}
	of := func(level, msg string) line {
		return line{level, msg, "main", parse(t, dead.URL()).String(), server.URL(), true, &no}
	}
	assert.Equal(t, []line{
		of("INFO", "Using proxy"),
		of("WARN", "Proxy request failed"),
		of("WARN", "Falling back to direct connection"),
		of("INFO", "Direct connection succeeded after proxy failure"),
	}, lines)
	assert.NotContains(t, log.String(), marker)
}

func TestHTTPTraceSeesReuse(t *testing.T) {
	server := newServer(t, transporttest.ServerConfig{Handler: text("hi")})
	tr := newTransport(t, transport.Config{})
	var reused []bool
	ctx := httptrace.WithClientTrace(bounded(t), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { reused = append(reused, i.Reused) },
	})
	for range 3 {
		exchange(t, tr, newRequest(t, http.MethodGet, server.URL(), nil).WithContext(ctx))
	}
	assert.Equal(t, []bool{false, true, true}, reused)
}
