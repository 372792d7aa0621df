package balancer_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
	"github.com/aitransport/aitransport/transport"
)

// serving is a provider that serves some operations only.
func serving(name string, kinds ...provider.OperationKind) *provider.Provider {
	p := *provider.OpenAI
	p.Name, p.Operations = name, kinds
	return &p
}

// narrowed takes some operations from an account.
func narrowed(kinds ...provider.OperationKind) func(*balancer.Account) {
	return func(a *balancer.Account) { a.Operations = kinds }
}

func at(p *provider.Provider) func(*balancer.Account) {
	return func(a *balancer.Account) { a.Provider = p }
}

func TestOperationsThatAnAccountServes(t *testing.T) {
	chatOnly := serving("local", provider.OpChat, provider.OpModels)
	accounts := []balancer.Account{
		account("local", priority(1), at(chatOnly)),
		account("narrow", priority(2), narrowed(provider.OpEmbeddings, provider.OpModels)),
		account("all", priority(3)),
	}
	tests := []struct{ method, path, body, account string }{
		{http.MethodPost, "chat/completions", chat, "local"},
		{http.MethodPost, "embeddings", `{"model":"m","input":"x"}`, "narrow"},
		{http.MethodPost, "responses", `{"model":"m","input":"x"}`, "all"},
		{http.MethodGet, "models", "", "local"},
		{http.MethodPost, "something/new", "{}", "local"}, // not recognised: the provider knows better
	}
	for _, tt := range tests {
		fake := providertest.OpenAI(providertest.Config{})
		lb := newTransport(t, over(fake, accounts...))
		_, _, err := do(lb, newRequest(t.Context(), t, tt.method, "https://api.openai.com/v1/"+tt.path, tt.body))
		require.NoError(t, err, tt.path)
		assert.Equal(t, []string{tt.account}, keysSeen(fake), tt.path)
	}
}

// With nobody who serves an operation, the error says who serves what.
func TestNoAccountServesTheOperation(t *testing.T) {
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake,
		account("local", at(serving("local", provider.OpChat, provider.OpModels))),
		account("narrow", narrowed(provider.OpEmbeddings)),
		account("none", at(serving("nothing", []provider.OperationKind{}...))),
	))
	req := newRequest(t.Context(), t, http.MethodPost, "https://api.openai.com/v1/audio/speech", `{"model":"m"}`)
	_, _, err := do(lb, req)
	require.ErrorIs(t, err, balancer.ErrNoAccount)
	assert.ErrorContains(t, err, "local: does not serve audio (it serves chat, models)")
	assert.ErrorContains(t, err, "narrow: does not serve audio (it serves embeddings)")
	assert.Zero(t, fake.Count())
}

func TestOperationsAreChecked(t *testing.T) {
	local := serving("local", provider.OpChat, provider.OpModels)
	tests := map[string]struct {
		account balancer.Account
		want    string
	}{
		"not the provider's": {account("a", at(local), narrowed(provider.OpChat, provider.OpAudio)), `account "a": Operations: provider "local" does not serve audio: leave it out; it serves chat, models`},
		"empty":              {account("a", func(a *balancer.Account) { a.Operations = []provider.OperationKind{} }), "write nil for all"},
		"unknown":            {account("a", narrowed(provider.OpUnknown)), "one of them is unknown"},
		"no kind at all":     {account("a", narrowed(200)), "one of them is unknown"},
	}
	for name, tt := range tests {
		_, err := balancer.New(over(http.NotFoundHandler(), tt.account))
		assert.ErrorContains(t, err, tt.want, name)
	}
	kinds := []provider.OperationKind{provider.OpEmbeddings}
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake, account("a", narrowed(kinds...))))
	kinds[0] = provider.OpChat // New has copied them
	_, _, err := send(t.Context(), t, lb)
	require.ErrorIs(t, err, balancer.ErrNoAccount)
}

// closed is a body that notes that it was closed.
type closed struct {
	io.Reader
	mu   sync.Mutex
	done bool
}

func (c *closed) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = true
	return nil
}

func TestRealtimeIsRefused(t *testing.T) {
	tests := map[string]struct {
		url, upgrade string
	}{
		"realtime":                 {"https://api.openai.com/v1/realtime?model=m&key=secret", ""},
		"realtime over WebSocket":  {"https://api.openai.com/v1/realtime?model=m", "websocket"},
		"responses over WebSocket": {"https://api.openai.com/v1/responses", "WebSocket"},
		"anything over WebSocket":  {"https://api.openai.com/v1/something/new", "websocket"},
		"live":                     {"https://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", ""},
	}
	for name, tt := range tests {
		fake := providertest.OpenAI(providertest.Config{})
		lb := newTransport(t, over(fake, account("main"), account("google", at(provider.Gemini))))
		body := &closed{Reader: strings.NewReader("{}")}
		req := newRequest(t.Context(), t, http.MethodGet, tt.url, "")
		req.Body = body
		if tt.upgrade != "" {
			req.Header.Set("Connection", "Upgrade")
			req.Header.Set("Upgrade", tt.upgrade)
		}
		_, _, err := do(lb, req)
		require.ErrorIs(t, err, balancer.ErrUnsupported, name)
		assert.ErrorContains(t, err, "WebSocket, which is not built yet", name)
		assert.NotContains(t, err.Error(), "secret", name)
		assert.True(t, body.done, "%s: the body is closed", name)
		assert.Zero(t, fake.Count(), name)
	}
	fake := providertest.OpenAI(providertest.Config{})
	lb := newTransport(t, over(fake, account("main")))
	_, _, err := do(lb, newRequest(t.Context(), t, http.MethodPost, "https://api.openai.com/v1/realtime/client_secrets", "{}"))
	require.NoError(t, err, "what is plain JSON is passed on")
	assert.Equal(t, 1, fake.Count())
}

// recorder keeps what arrives, and refuses as many calls as it is told to.
type recorder struct {
	mu     sync.Mutex
	refuse int
	header []http.Header
	body   []string
	length []int64
}

func (rec *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.header, rec.body, rec.length = append(rec.header, r.Header.Clone()), append(rec.body, string(body)), append(rec.length, r.ContentLength)
	if rec.refuse--; rec.refuse >= 0 {
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	_, _ = io.WriteString(w, "{}")
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// caesar is a coding that no library knows, and its decoder.
func caesar(s string) string {
	return strings.Map(func(r rune) rune { return r ^ 1 }, s)
}

func uncaesar(r io.Reader) (io.ReadCloser, error) {
	b, err := io.ReadAll(r)
	return io.NopCloser(strings.NewReader(caesar(string(b)))), err
}

func TestCompressedRequests(t *testing.T) {
	const json = `{ "model" : "gpt-5","n":1e0}`
	const renamed = `{ "model" : "five","n":1e0}`
	long := `{"model":"gpt-5","x":"` + strings.Repeat("x", 4000) + `"}`
	as := func(models map[string]string) func(*balancer.Account) {
		return func(a *balancer.Account) { a.Models = models }
	}
	five := as(map[string]string{"gpt-5": "five"})
	tests := map[string]struct {
		coding, body string
		account      balancer.Account
		sent         string // "": nothing was
		kept         bool   // the coding
		err          string
	}{
		"as it came":             {"gzip", gzipped(t, json), account("a"), gzipped(t, json), true, ""},
		"the model is known":     {"gzip", gzipped(t, json), account("a", as(map[string]string{"other": ""})), "", true, "no account serves the model"},
		"renamed":                {"gzip", gzipped(t, json), account("a", five), renamed, false, ""},
		"a decoder":              {"Caesar", caesar(json), account("a", five), renamed, false, ""},
		"two codings":            {"gzip, caesar", caesar(gzipped(t, json)), account("a"), caesar(gzipped(t, json)), true, ""},
		"no decoder":             {"zstd", json, account("a", five), json, true, ""},
		"not what it says":       {"gzip", json, account("a", five), json, true, ""},
		"too long to be renamed": {"gzip", gzipped(t, long), account("a", five), "", false, "send the body uncompressed, raise MaxReplay, or leave the model its name"},
		"too long but as asked":  {"gzip", gzipped(t, long), account("a"), gzipped(t, long), true, ""},
		"cut off":                {"gzip", gzipped(t, json)[:40], account("a", five), "", false, "send the body uncompressed"},
	}
	for name, tt := range tests {
		rec := &recorder{}
		cfg := over(rec, tt.account)
		cfg.MaxReplay = 2000
		cfg.Transport.Decoders = map[string]transport.Decoder{"CAESAR": uncaesar}
		lb := newTransport(t, cfg)
		req := newRequest(t.Context(), t, http.MethodPost, chatURL, tt.body)
		req.Header.Set("Content-Encoding", tt.coding)
		_, _, err := do(lb, req)
		assert.Equal(t, tt.coding, req.Header.Get("Content-Encoding"), "%s: the caller's request is left alone", name)
		if tt.err != "" {
			require.ErrorContains(t, err, tt.err, name)
			assert.Empty(t, rec.body, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, []string{tt.sent}, rec.body, name)
		assert.Equal(t, []int64{int64(len(tt.sent))}, rec.length, name)
		assert.Equal(t, tt.kept, rec.header[0].Get("Content-Encoding") == tt.coding, name)
		if !tt.kept {
			assert.Empty(t, rec.header[0].Values("Content-Encoding"), name)
		}
	}
}

// Each account gets the body in the form that it needs.
func TestCompressedRequestFailsOver(t *testing.T) {
	const json = `{"model":"gpt-5"}`
	rec := &recorder{refuse: 2}
	lb := newTransport(t, over(rec,
		account("first", priority(1), func(a *balancer.Account) { a.Models = map[string]string{"gpt-5": "five"} }),
		account("second", priority(2)),
		account("third", priority(3), func(a *balancer.Account) { a.Models = map[string]string{"*": "x/*"} }),
	))
	req := newRequest(t.Context(), t, http.MethodPost, chatURL, gzipped(t, json))
	req.Header.Set("Content-Encoding", "gzip")
	_, _, err := do(lb, req)
	require.NoError(t, err)
	assert.Equal(t, []string{`{"model":"five"}`, gzipped(t, json), `{"model":"x/gpt-5"}`}, rec.body)
	var seen []string
	for _, h := range rec.header {
		seen = append(seen, h.Get("Content-Encoding"))
	}
	assert.Equal(t, []string{"", "gzip", ""}, seen)
}

// A compressed body that is longer than what is kept is passed on as it is, and
// fails where its model would have to be replaced.
func TestLongCompressedRequest(t *testing.T) {
	var text strings.Builder
	text.WriteString(`{"model":"gpt-5","x":"`)
	for i := range 2000 { // does not compress well
		fmt.Fprintf(&text, "%x", i*i*7919)
	}
	text.WriteString(`"}`)
	body := gzipped(t, text.String())
	for _, renamed := range []bool{false, true} {
		rec := &recorder{}
		cfg := over(rec, account("a", func(a *balancer.Account) {
			if renamed {
				a.Models = map[string]string{"gpt-5": "five"}
			}
		}))
		cfg.MaxReplay = int64(len(body)) / 2
		lb := newTransport(t, cfg)
		req := newRequest(t.Context(), t, http.MethodPost, chatURL, body)
		req.Header.Set("Content-Encoding", "gzip")
		_, _, err := do(lb, req)
		if renamed {
			require.ErrorContains(t, err, "not whole within Config.MaxReplay")
			assert.Empty(t, rec.body)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, []string{body}, rec.body)
	}
}

// The path of a coded request is renamed without touching its body, unless that
// repeats the model.
func TestCompressedRequestWithTheModelInThePath(t *testing.T) {
	for body, want := range map[string]string{
		`{"contents":[]}`:      "",
		`{"model":"models/m"}`: `{"model":"models/n"}`,
	} {
		rec := &recorder{}
		lb := newTransport(t, over(rec, account("a", at(provider.Gemini), func(a *balancer.Account) { a.Models = map[string]string{"m": "n"} })))
		req := newRequest(t.Context(), t, http.MethodPost, "https://generativelanguage.googleapis.com/v1beta/models/m:countTokens", gzipped(t, body))
		req.Header.Set("Content-Encoding", "gzip")
		_, _, err := do(lb, req)
		require.NoError(t, err)
		if want == "" {
			assert.Equal(t, []string{gzipped(t, body)}, rec.body)
			assert.Equal(t, "gzip", rec.header[0].Get("Content-Encoding"))
		} else {
			assert.Equal(t, []string{want}, rec.body)
			assert.Empty(t, rec.header[0].Values("Content-Encoding"))
		}
	}
}

// A form's model is replaced, and its length is right.
func TestFormIsRenamed(t *testing.T) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	file, err := w.CreateFormFile("file", "a.mp3")
	require.NoError(t, err)
	_, err = file.Write(bytes.Repeat([]byte("\r\n--x\x00"), 10_000))
	require.NoError(t, err)
	require.NoError(t, w.WriteField("model", "whisper-1"))
	require.NoError(t, w.Close())

	rec := &recorder{}
	lb := newTransport(t, over(rec, account("a", func(a *balancer.Account) { a.Models = map[string]string{"whisper-*": "transcribe/*"} })))
	req := newRequest(t.Context(), t, http.MethodPost, "https://api.openai.com/v1/audio/transcriptions", b.String())
	req.Header.Set("Content-Type", w.FormDataContentType())
	_, _, err = do(lb, req)
	require.NoError(t, err)
	want := strings.Replace(b.String(), "\r\nwhisper-1\r\n", "\r\ntranscribe/1\r\n", 1)
	assert.Equal(t, []string{want}, rec.body)
	assert.Equal(t, []int64{int64(len(want))}, rec.length)
}
