package admin_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/admin"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/quota"
)

const token = "admin-" + mark + "-token"

// proxied is an account's proxy with a password.
const proxied = "socks5://me:pw-" + mark + "@127.0.0.1:1080"

// world is an API with all that is behind it.
type world struct {
	t       *testing.T
	store   *memory
	gateway *gateway
	handler http.Handler
	log     bytes.Buffer
	mu      sync.Mutex
}

// hashOf is a secret's SHA-256 in hex.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// newWorld is an API whose configuration file has the account main and the key filed.
func newWorld(t *testing.T, change ...func(*admin.Config)) *world {
	w := &world{t: t, store: newMemory()}
	files := []resource.Account{{Name: "main", Provider: "openai", Secret: resource.NewSecret("sk-" + mark + "-main"), Priority: 1}}
	counts := quota.NewMemory(quota.MemoryConfig{})
	w.gateway = newGateway(t, w.store, files, counts)
	cfg := admin.Config{
		Gateway: router{w.gateway}, Store: w.store, TokenHash: hashOf(token), Accounts: files, Quota: counts,
		Keys:   []resource.Key{{ID: "key_file_1", Name: "filed", Hash: hashOf("gw-" + mark)}},
		Logger: slog.New(slog.NewJSONHandler(io.MultiWriter(&recorded, w), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	w.handler, err = admin.New(cfg)
	require.NoError(t, err)
	return w
}

// Write takes a line of the log.
func (w *world) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(line)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// answer is what came back.
type answer struct {
	t      *testing.T
	Status int
	Header http.Header
	Body   string
}

// into reads the body.
func (a answer) into(v any) {
	a.t.Helper()
	require.NoError(a.t, json.Unmarshal([]byte(a.Body), v), a.Body)
}

// object is the body as it stands.
func (a answer) object() (v map[string]any) {
	a.t.Helper()
	a.into(&v)
	return v
}

// failed makes sure of an error's status, code and field.
func (a answer) failed(status int, code, field string) {
	a.t.Helper()
	var body struct {
		Error struct{ Code, Message, Field string }
	}
	require.Equal(a.t, status, a.Status, a.Body)
	a.into(&body)
	assert.Equal(a.t, code, body.Error.Code, a.Body)
	assert.Equal(a.t, field, body.Error.Field, a.Body)
	assert.NotEmpty(a.t, body.Error.Message)
}

// send sends a request with the token: body is a text, or what becomes JSON.
func (w *world) send(method, path string, body any, change ...func(*http.Request)) answer {
	w.t.Helper()
	var text string
	switch body := body.(type) {
	case nil:
	case string:
		text = body
	default:
		raw, err := json.Marshal(body)
		require.NoError(w.t, err)
		text = string(raw)
	}
	r := httptest.NewRequest(method, "/admin/v1"+path, strings.NewReader(text))
	if text == "" {
		r.Body = http.NoBody
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for _, f := range change {
		f(r)
	}
	checked := r.Clone(w.t.Context())
	checked.Body = io.NopCloser(strings.NewReader(text))
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	a := answer{w.t, rec.Code, rec.Header(), rec.Body.String()}
	w.keep(a)
	conforms(w.t, checked, a)
	return a
}

// ok sends a request that is to be answered with a status.
func (w *world) ok(status int, method, path string, body any) answer {
	w.t.Helper()
	a := w.send(method, path, body)
	require.Equal(w.t, status, a.Status, a.Body)
	return a
}

// keep records an answer, but for the secret of a key that it tells this once.
func (w *world) keep(a answer) {
	var told struct{ Secret string }
	text := a.Body
	if json.Unmarshal([]byte(text), &told) == nil && strings.HasPrefix(told.Secret, "gw-") {
		text = strings.Replace(text, told.Secret, "", 1)
		recorded.mu.Lock()
		recorded.secrets = append(recorded.secrets, told.Secret)
		recorded.mu.Unlock()
	}
	var header bytes.Buffer
	_ = a.Header.Write(&header) // a buffer takes all
	recorded.add(header.String() + text)
	assert.Equal(w.t, "no-store", a.Header.Get("Cache-Control"))
	assert.Equal(w.t, "nosniff", a.Header.Get("X-Content-Type-Options"))
	assert.NotEmpty(w.t, a.Header.Get("X-Request-Id"))
	assert.Empty(w.t, a.Header.Get("Access-Control-Allow-Origin"))
}

// document is the description as it is served.
var document = sync.OnceValues(func() (*openapi3.T, routers.Router) {
	h, err := admin.New(admin.Config{Gateway: &gateway{}, Store: newMemory(), TokenHash: hashOf(token)})
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/admin/v1/openapi.json", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	doc, err := openapi3.NewLoader().LoadFromData(rec.Body.Bytes())
	if err != nil {
		panic(err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		panic(err)
	}
	return doc, router
})

// conforms makes sure that an answer, and the request if it was served, are as described.
func conforms(t *testing.T, r *http.Request, a answer) {
	t.Helper()
	_, router := document()
	route, params, err := router.FindRoute(r)
	if err != nil { // not described: nothing to be served
		assert.GreaterOrEqual(t, a.Status, 204, r.Method+" "+r.URL.Path)
		assert.NotEqual(t, http.StatusOK, a.Status)
		return
	}
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true, RejectWhenRequestBodyNotSpecified: true},
	}
	if a.Status < 300 {
		recorded.mu.Lock()
		recorded.served[route.Operation.OperationID] = true
		recorded.mu.Unlock()
		assert.NoError(t, openapi3filter.ValidateRequest(context.Background(), in))
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.Status, Header: a.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	assert.NoError(t, openapi3filter.ValidateResponse(context.Background(), out.SetBodyBytes([]byte(a.Body))), a.Body)
}
