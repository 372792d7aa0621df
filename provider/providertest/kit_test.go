package providertest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aitransport/aitransport/provider/providertest"
)

const (
	chatBody      = `{"model":"m1","messages":[{"role":"user","content":"hi"}]}`
	chatStream    = `{"model":"m1","messages":[],"stream":true}`
	messageBody   = `{"model":"m1","max_tokens":9,"messages":[]}`
	messageStream = `{"model":"m1","max_tokens":9,"messages":[],"stream":true}`
	contentBody   = `{"contents":[]}`
	text          = "One two <three> & “four”."
)

// asked is one call to a fake.
type asked struct {
	method, path, key, body string
	header                  http.Header
}

// got is what came back. A body that breaks off has an error.
type got struct {
	status int
	header http.Header
	body   string
	err    error
}

func serve(t *testing.T, f *providertest.Fake) func(asked) got {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return caller(t, s.Client(), s.URL)
}

// inMemory is as serve, without a network.
func inMemory(t *testing.T, f *providertest.Fake) func(asked) got {
	t.Helper()
	return caller(t, f.Client(), "https://fake.test")
}

func caller(t *testing.T, client *http.Client, base string) func(asked) got {
	return func(a asked) got {
		t.Helper()
		if a.method == "" {
			a.method = http.MethodPost
		}
		r, err := http.NewRequestWithContext(t.Context(), a.method, base+a.path, strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		if a.header != nil {
			r.Header = a.header.Clone()
		}
		authorize(r, a)
		resp, err := client.Do(r)
		if err != nil {
			return got{err: err}
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return got{status: resp.StatusCode, header: resp.Header, body: string(b), err: err}
	}
}

// authorize puts the key where the API of the path looks for it.
func authorize(r *http.Request, a asked) {
	switch {
	case a.key == "":
	case strings.HasPrefix(a.path, "/v1beta") && !strings.HasPrefix(a.path, "/v1beta/openai"), strings.HasPrefix(a.path, "/upload"):
		r.Header.Set("X-Goog-Api-Key", a.key)
	case strings.HasPrefix(a.path, "/v1/messages"):
		r.Header.Set("X-Api-Key", a.key)
		if r.Header.Get("Anthropic-Version") == "" {
			r.Header.Set("Anthropic-Version", "2023-06-01")
		}
	default:
		r.Header.Set("Authorization", "Bearer "+a.key)
	}
}

// dig finds a value in JSON by its path: "choices.0.delta".
func dig(t *testing.T, doc, path string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatalf("not JSON: %v: %s", err, doc)
	}
	for name := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			i := int(name[0] - '0')
			if len(name) != 1 || i < 0 || i >= len(in) {
				t.Fatalf("no %s in %s", path, doc)
			}
			v = in[i]
		default:
			t.Fatalf("no %s in %s", path, doc)
		}
	}
	return v
}

// want compares values found by their paths. Numbers are float64.
func want(t *testing.T, doc string, values map[string]any) {
	t.Helper()
	for path, w := range values {
		if v := dig(t, doc, path); v != w {
			t.Errorf("%s is %v, want %v, in %s", path, v, w, doc)
		}
	}
}

// sse is an event as a client sees it.
type sse struct{ name, data string }

// events reads a stream whose events are apart by sep, strictly: each ends
// with it, and has a data line and at most a name before it.
func events(t *testing.T, body, sep string) []sse {
	t.Helper()
	var out []sse
	for body != "" {
		e, rest, ok := strings.Cut(body, sep)
		if !ok {
			t.Fatalf("an event without its end: %q", body)
		}
		name, data, named := strings.Cut(e, "\n")
		if !named {
			name, data = "", e
		}
		data, isData := strings.CutPrefix(data, "data: ")
		name, isName := strings.CutPrefix(name, "event: ")
		if !isData || named != isName || strings.ContainsAny(data, "\r\n") {
			t.Fatalf("not an event: %q", e)
		}
		out, body = append(out, sse{name, data}), rest
	}
	return out
}

func names(list []sse) string {
	var b bytes.Buffer
	for _, e := range list {
		b.WriteString(e.name + " ")
	}
	return strings.TrimSpace(b.String())
}

// tape is a response that remembers when each piece was flushed.
type tape struct {
	header  http.Header
	status  int
	body    bytes.Buffer
	flushed []time.Time
}

func (p *tape) Header() http.Header {
	if p.header == nil {
		p.header = make(http.Header)
	}
	return p.header
}
func (p *tape) WriteHeader(code int)              { p.status = code }
func (p *tape) Write(b []byte) (n int, err error) { return p.body.Write(b) }
func (p *tape) Flush()                            { p.flushed = append(p.flushed, time.Now()) }
