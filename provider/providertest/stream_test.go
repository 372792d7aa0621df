package providertest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aitransport/aitransport/provider/providertest"
)

// api is a streamed call and its plain twin, for each of the APIs.
type api struct {
	name          string
	fake          func(providertest.Config) *providertest.Fake
	stream, plain asked
	sep           string
	events        int    // in a good stream of "Hello you"
	broken        string // in an error inside the stream
	overloaded    string
}

func apis() []api {
	return []api{
		{"chat", providertest.OpenAI, asked{path: "/v1/chat/completions", key: "k", body: chatStream},
			asked{path: "/v1/chat/completions", key: "k", body: chatBody}, "\n\n", 5,
			`data: {"error":{"message":"The server`, `"code":"server_is_overloaded"`},
		{"responses", providertest.OpenAI, asked{path: "/v1/responses", key: "k", body: chatStream},
			asked{path: "/v1/responses", key: "k", body: chatBody}, "\n\n", 10,
			"event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\"", `"status":"failed"`},
		{"messages", providertest.Anthropic, asked{path: "/v1/messages", key: "k", body: messageStream},
			asked{path: "/v1/messages", key: "k", body: messageBody}, "\n\n", 8,
			"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"", `"type":"overloaded_error"`},
		{"gemini", providertest.Gemini, asked{path: streamPath + "?alt=sse", key: "k", body: contentBody},
			asked{path: generatePath, key: "k", body: contentBody}, "\r\n\r\n", 2,
			`data: {"error":{"code":500`, `"status":"UNAVAILABLE"`},
	}
}

func TestErrorInStream(t *testing.T) {
	for _, a := range apis() {
		t.Run(a.name, func(t *testing.T) {
			f := a.fake(providertest.Config{Text: "Hello you"})
			call := serve(t, f)
			if n := len(events(t, call(a.stream).body, a.sep)); n != a.events {
				t.Fatalf("%d events", n)
			}
			for after, before := range map[int]int{-1: 0, 0: 0, 1: 1, 99: a.events - 1} {
				f.Script(providertest.ErrorInStream(after), providertest.FailInStream(after, providertest.Overloaded()))
				for _, words := range []string{a.broken, a.overloaded} {
					r := call(a.stream)
					list := strings.Split(strings.TrimSuffix(r.body, a.sep), a.sep)
					if r.status != 200 || r.err != nil || len(list) != before+1 || !strings.Contains(list[before], words) {
						t.Errorf("after %d: %v", after, r)
					}
				}
			}
			f.Script(providertest.ErrorInStream(1), providertest.FailInStream(1, providertest.RateLimited(time.Second)), providertest.FailInStream(1, providertest.Hang()))
			for _, status := range []int{500, 429, 500} {
				if r := call(a.plain); r.status != status {
					t.Error("a call that is not streamed:", r)
				}
			}
		})
	}
}

func TestErrorInArray(t *testing.T) {
	call := serve(t, providertest.Gemini(providertest.Config{Script: []providertest.Step{providertest.ErrorInStream(1), providertest.ErrorInStream(0)}}))
	r := call(asked{path: streamPath, key: "k", body: contentBody})
	want(t, r.body, map[string]any{"1.error.status": "INTERNAL"})
	r = call(asked{path: streamPath, key: "k", body: contentBody})
	want(t, r.body, map[string]any{"0.error.status": "INTERNAL"})
}

func TestCutStream(t *testing.T) {
	for _, a := range apis() {
		t.Run(a.name, func(t *testing.T) {
			f := a.fake(providertest.Config{Text: "Hello you"})
			call := serve(t, f)
			whole := call(a.plain)
			for after, n := range map[int]int{0: 0, 1: 1, 99: a.events - 1} {
				f.Script(providertest.CutStream(after))
				r := call(a.stream)
				if r.status != 200 || !errors.Is(r.err, io.ErrUnexpectedEOF) || len(events(t, r.body, a.sep)) != n {
					t.Errorf("after %d: %v", after, r)
				}
			}
			f.Script(providertest.CutStream(1))
			if r := call(a.plain); r.status != 200 || !errors.Is(r.err, io.ErrUnexpectedEOF) || len(r.body) != len(whole.body)/2 {
				t.Error("a call that is not streamed:", r)
			}
		})
	}
}

// direct calls the handler without a server, and tells whether it gave up the
// connection.
func direct(ctx context.Context, f *providertest.Fake, body string) (p *tape, aborted bool) {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/chat/completions", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer k")
	p = &tape{}
	defer func() {
		if v := recover(); v != nil {
			aborted = v == http.ErrAbortHandler //nolint:errorlint // panics with exactly this value
		}
	}()
	f.ServeHTTP(p, r)
	return p, false
}

func TestTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.OpenAI(providertest.Config{Text: "Hello you"})
		f.Always(providertest.Trickle(time.Minute).After(time.Hour))
		start := time.Now()
		p, aborted := direct(t.Context(), f, chatStream)
		if aborted || len(p.flushed) != 6 { // the headers and five events
			t.Fatal(aborted, p.flushed)
		}
		for i, at := range p.flushed {
			if w := time.Hour + time.Duration(max(i-1, 0))*time.Minute; at.Sub(start) != w {
				t.Errorf("flush %d after %v, want %v", i, at.Sub(start), w)
			}
		}
		start = time.Now()
		if p, _ = direct(t.Context(), f, chatBody); p.status != 200 || time.Since(start) != time.Hour {
			t.Error("a call that is not streamed trickles:", time.Since(start))
		}
	})
}

func TestWaitsEndWithTheContext(t *testing.T) {
	cases := []struct {
		name   string
		step   providertest.Step
		status int
	}{
		{"hang", providertest.Hang(), 0},
		{"after", providertest.ServerError().After(time.Hour), 0},
		{"after on the zero step", providertest.Step{}.After(time.Hour), 0},
		{"trickle", providertest.Trickle(time.Hour), 200},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := providertest.OpenAI(providertest.Config{})
				f.Always(c.step)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				start := time.Now()
				_, aborted := direct(ctx, f, chatStream)
				if !aborted || time.Since(start) != time.Minute {
					t.Error(aborted, time.Since(start))
				}
				if h := f.Hits(); len(h) != 1 || h[0].Status != c.status {
					t.Error(h)
				}
			})
		})
	}
}

func TestTextInPieces(t *testing.T) {
	for _, said := range []string{"x", "é", "日本", "word", " ", "a b", "tail ", strings.Repeat("many words ", 500)} {
		call := serve(t, providertest.OpenAI(providertest.Config{Text: said}))
		list := events(t, call(asked{path: "/v1/chat/completions", key: "k", body: chatStream}).body, "\n\n")
		list = list[:len(list)-1]
		if got := chatText(t, list); got != said || len(list) > 66 {
			t.Errorf("said %q in %d chunks", got, len(list))
		}
	}
}
