package provider_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

const tokenURL = "https://auth.example.com/oauth/token"

// tokenEndpoint is a token endpoint in memory. Its answers are taken in order; the
// last one stays.
type tokenEndpoint struct {
	mu      sync.Mutex
	answers []tokenReply
	calls   []tokenCall
}

// tokenReply is one answer. {n} in its body is the number of the call.
type tokenReply struct {
	status int // 0: 200
	header http.Header
	body   string
	err    error
	after  time.Duration
	hang   bool // until the context ends
}

type tokenCall struct {
	header http.Header
	fields url.Values // of a form
	body   string
	at     time.Time
}

func good(n ...string) tokenReply {
	return tokenReply{body: `{"access_token":"access-{n}","token_type":"Bearer","expires_in":3600` + strings.Join(n, "") + `}`}
}

func refusal(status int, code string) tokenReply {
	return tokenReply{status: status, body: fmt.Sprintf(`{"error":%q,"error_description":"no."}`, code)}
}

func (e *tokenEndpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	c := tokenCall{header: r.Header.Clone(), body: string(body), at: time.Now()}
	c.fields, _ = url.ParseQuery(c.body)
	e.calls = append(e.calls, c)
	n := len(e.calls)
	reply := e.answers[min(n, len(e.answers))-1]
	e.mu.Unlock()
	if reply.hang {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	select {
	case <-time.After(reply.after):
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
	if reply.err != nil {
		return nil, reply.err
	}
	if reply.header == nil {
		reply.header = http.Header{}
	}
	return &http.Response{
		StatusCode: max(reply.status, 200*btoi(reply.status == 0)), Header: reply.header, Request: r,
		Body: io.NopCloser(strings.NewReader(strings.ReplaceAll(reply.body, "{n}", fmt.Sprint(n)))),
	}, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (e *tokenEndpoint) seen() []tokenCall {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]tokenCall(nil), e.calls...)
}

func (e *tokenEndpoint) count() int { return len(e.seen()) }

// newOAuth makes an OAuth over an endpoint with these answers, and closes it with
// the test.
func newOAuth(t *testing.T, c provider.OAuthConfig, answers ...tokenReply) (*provider.OAuth, *tokenEndpoint) {
	t.Helper()
	e := &tokenEndpoint{answers: answers}
	if c.TokenURL == "" {
		c.TokenURL = tokenURL
	}
	if c.Grant == nil && c.RefreshToken == "" {
		c.RefreshToken = "refresh-0"
	}
	c.Transport = e
	o, err := provider.NewOAuth(c)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, o.Close()) })
	return o, e
}

// credentialError is the *provider.CredentialError that err must be.
func credentialError(t *testing.T, err error) *provider.CredentialError {
	t.Helper()
	var e *provider.CredentialError
	require.ErrorAs(t, err, &e)
	return e
}

// printed is a value in every way in which it can be printed, logged or marshalled.
func printed(t *testing.T, v any) string {
	t.Helper()
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		fmt.Fprintf(&out, verb+"\n", v)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
	if b, err := json.Marshal(v); err == nil {
		out.Write(b)
	}
	return out.String()
}

var errBroken = errors.New("broken on purpose")
