package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/examples/gateway/server"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// memory is a Store of a test's own.
type memory struct {
	mu       sync.Mutex
	accounts []resource.Account
	version  int64
	keys     map[string]resource.Key
	usage    []resource.KeyUsage
	records  []resource.Request
	states   []string
	tokens   map[string]provider.OAuthTokens
	lookups  int
	fail     error // of every question
}

func (m *memory) Key(_ context.Context, hash string) (resource.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lookups++
	if m.fail != nil {
		return resource.Key{}, m.fail
	}
	k, ok := m.keys[hash]
	if !ok {
		return resource.Key{}, resource.ErrNotFound
	}
	return k, nil
}

func (m *memory) Accounts(context.Context) ([]resource.Account, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]resource.Account(nil), m.accounts...), m.version, m.fail
}

func (m *memory) AccountsVersion(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.version, m.fail
}

func (m *memory) Record(r resource.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, r)
}

func (m *memory) KeyUsage(_ context.Context, since time.Time) (used []resource.KeyUsage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range m.usage {
		if !u.Start.Before(since) {
			used = append(used, u)
		}
	}
	return used, m.fail
}

func (m *memory) AccountState(name string, resetAt time.Time, failures int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := name + " " + time.Duration(failures).String()
	if !resetAt.IsZero() {
		text += " rests"
	}
	m.states = append(m.states, text)
}

func (m *memory) SaveTokens(_ context.Context, account string, t provider.OAuthTokens) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tokens == nil {
		m.tokens = make(map[string]provider.OAuthTokens)
	}
	m.tokens[account] = t
	return m.fail
}

func (m *memory) set(accounts ...resource.Account) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accounts, m.version = accounts, m.version+1
}

func (m *memory) failWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

func (m *memory) recorded() []resource.Request {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]resource.Request(nil), m.records...)
}

// last is the record of the last request.
func (m *memory) last(t *testing.T) resource.Request {
	t.Helper()
	all := m.recorded()
	require.NotEmpty(t, all)
	return all[len(all)-1]
}

var errDown = errors.New("the database is down")

// secret is the key of most tests.
const secret = "gw-test-key"

// key is a key with that secret.
func key(secret string, change ...func(*resource.Key)) resource.Key {
	sum := sha256.Sum256([]byte(secret))
	k := resource.Key{ID: "key_" + hex.EncodeToString(sum[:4]), Name: "test", Hash: hex.EncodeToString(sum[:])}
	for _, f := range change {
		f(&k)
	}
	return k
}

// account is one at a provider.
func account(name, of string, change ...func(*resource.Account)) resource.Account {
	a := resource.Account{ID: "acc_" + name, Name: name, Provider: of, Secret: resource.NewSecret("sk-" + name)}
	for _, f := range change {
		f(&a)
	}
	return a
}

// rig is a gateway over fake providers, in memory.
type rig struct {
	t                         *testing.T
	store                     *memory
	openai, anthropic, gemini *providertest.Fake
	s                         *server.Server
	logs                      *logs
}

// logs is what the gateway has written.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newRig makes a gateway with an account at each fake provider, and a key.
func newRig(t *testing.T, change ...func(*server.Config)) *rig {
	t.Helper()
	r := &rig{t: t, store: &memory{keys: make(map[string]resource.Key)}, logs: &logs{}}
	r.openai = providertest.OpenAI(providertest.Config{})
	r.anthropic = providertest.Anthropic(providertest.Config{})
	r.gemini = providertest.Gemini(providertest.Config{})
	mux := http.NewServeMux()
	mux.Handle("api.openai.com/", r.openai)
	mux.Handle("api.anthropic.com/", r.anthropic)
	mux.Handle("generativelanguage.googleapis.com/", r.gemini)
	cfg := server.Config{
		Store: r.store, Keys: []resource.Key{key(secret)},
		Accounts: []resource.Account{account("oai", "openai"), account("ant", "anthropic"), account("gem", "gemini")},
		Logger:   slog.New(slog.NewJSONHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		RoundTripper: func(balancer.Account) (http.RoundTripper, error) {
			return providertest.InMemory(mux), nil
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	s, err := server.New(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	r.s = s
	return r
}

// hits is how many requests reached any provider.
func (r *rig) hits() int { return r.openai.Count() + r.anthropic.Count() + r.gemini.Count() }

// newRequest is a client's, with the key and headers written as "name: value"; a header
// of the same name replaces the key.
func newRequest(t *testing.T, method, target, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://gateway"+target, strings.NewReader(body))
	require.NoError(t, err)
	r.RequestURI = target
	r.Header.Set("Authorization", "Bearer "+secret)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if value == "" {
			r.Header.Del(name)
			continue
		}
		r.Header.Set(name, value)
	}
	return r
}

// answer is what a client got.
type answer struct {
	status  int
	header  http.Header
	body    string
	trailer http.Header
	err     error // of reading the body
}

// ask sends a request to the gateway in memory, and reads the whole answer.
func (r *rig) ask(method, target, body string, headers ...string) answer {
	r.t.Helper()
	return r.send(newRequest(r.t, method, target, body, headers...))
}

func (r *rig) send(req *http.Request) answer {
	r.t.Helper()
	resp, err := providertest.InMemory(r.s).RoundTrip(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(data), resp.Trailer, err}
}

// chat asks OpenAI's chat.
func (r *rig) chat(headers ...string) answer {
	return r.ask("POST", "/v1/chat/completions", chatBody, headers...)
}

const (
	chatBody     = `{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}`
	chatStream   = `{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"hi"}]}`
	claudeBody   = `{"model":"claude-sonnet-4-5","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}`
	claudeStream = `{"model":"claude-sonnet-4-5","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"hi"}]}`
	geminiBody   = `{"contents":[{"parts":[{"text":"hi"}]}]}`
	version      = "anthropic-version: 2023-06-01"
)

// serve puts the gateway on a real socket.
func (r *rig) serve() *httptest.Server {
	srv := httptest.NewServer(r.s)
	r.t.Cleanup(srv.Close)
	return srv
}

type balancerAccount = balancer.Account
