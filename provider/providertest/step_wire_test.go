package providertest_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider/providertest"
)

// ask calls a fake in memory, with one step.
func ask(t *testing.T, f *providertest.Fake, s providertest.Step, path, body string) (*tape, bool) {
	t.Helper()
	f.Script(s)
	return askUntil(t.Context(), f, path, body)
}

func askUntil(ctx context.Context, f *providertest.Fake, path, body string) (p *tape, aborted bool) {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(body))
	authorize(r, asked{path: path, key: "k"})
	p = &tape{}
	defer func() {
		if v := recover(); v != nil {
			aborted = v == http.ErrAbortHandler //nolint:errorlint // panics with exactly this value
		}
	}()
	f.ServeHTTP(p, r)
	return p, false
}

// Bytes come one at a time, and the gaps are between them.
func TestByteByByte(t *testing.T) {
	for _, c := range []struct {
		name, body string
		step       providertest.Step
	}{
		{"stream", chatStream, providertest.OK()},
		{"one piece", chatBody, providertest.OK()},
		{"error", chatBody, providertest.Overloaded()},
		{"raw", chatBody, providertest.Status(502, nil, "<html>")},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := providertest.OpenAI(providertest.Config{Text: "Hi"})
				whole, _ := ask(t, f, c.step, "/v1/chat/completions", c.body)
				start := time.Now()
				p, aborted := ask(t, f, c.step.ByteByByte(time.Second), "/v1/chat/completions", c.body)
				require.False(t, aborted)
				assert.Len(t, p.body.String(), whole.body.Len())
				assert.Equal(t, time.Duration(p.body.Len()-1)*time.Second, time.Since(start))
				assert.GreaterOrEqual(t, len(p.flushed), p.body.Len())
			})
		})
	}
}

func TestKeepAlive(t *testing.T) {
	const usual, ping = ": keep-alive\n\n", "event: ping\ndata: {\"type\":\"ping\"}\n\n"
	cases := []struct {
		name       string
		fake       *providertest.Fake
		path, body string
		sign, sep  string
	}{
		{"chat", providertest.OpenAI(providertest.Config{Text: "Hi"}), "/v1/chat/completions", chatStream, usual, "\n\n"},
		{"messages", providertest.Anthropic(providertest.Config{Text: "Hi"}), "/v1/messages", messageStream, ping, "\n\n"},
		{"gemini", providertest.Gemini(providertest.Config{Text: "Hi"}), streamPath + "?alt=sse", contentBody, ": keep-alive\r\n\r\n", "\r\n\r\n"},
		{"gemini's array", providertest.Gemini(providertest.Config{Text: "Hi"}), streamPath, contentBody, "\n", ""},
		{"openrouter", providertest.Compatible("openrouter", providertest.Config{Text: "Hi"}), "/api/v1/chat/completions", chatStream, ": OPENROUTER PROCESSING\n\n", "\n\n"},
		{"deepseek", providertest.Compatible("deepseek", providertest.Config{Text: "Hi"}), "/chat/completions", chatStream, usual, "\n\n"},
		{"ollama", providertest.Compatible("ollama", providertest.Config{Text: "Hi"}), "/api/chat", chatStream, "\n", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				p, _ := ask(t, c.fake, providertest.OK().KeepAlive(3, 0, time.Minute), c.path, c.body)
				assert.Equal(t, 3*time.Minute, time.Since(start))
				assert.True(t, strings.HasPrefix(p.body.String(), strings.Repeat(c.sign, 3)), p.body.String())

				p, _ = ask(t, c.fake, providertest.OK().KeepAlive(0, 2, time.Second), c.path, c.body)
				if assert.False(t, strings.HasPrefix(p.body.String(), c.sign)); c.sep != "" {
					n := strings.Count(strings.ReplaceAll(p.body.String(), c.sign, ""), c.sep)
					own := 0 // the ping that the stream has of its own
					if c.sign == ping {
						own = 1
					}
					assert.Equal(t, 2*(n+own-1)+own, strings.Count(p.body.String(), c.sign))
				}
			})
		})
	}
}

func TestKeepAliveAheadOfJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.Compatible("deepseek", providertest.Config{})
		start := time.Now()
		p, _ := ask(t, f, providertest.OK().KeepAlive(4, 0, time.Minute), "/chat/completions", chatBody)
		assert.True(t, strings.HasPrefix(p.body.String(), "\n\n\n\n{"), p.body.String())
		assert.Equal(t, start, p.flushed[0], "the headers come at once")
		assert.Equal(t, 4*time.Minute, time.Since(start))

		f = providertest.OpenAI(providertest.Config{})
		start = time.Now()
		p, _ = ask(t, f, providertest.OK().KeepAlive(4, 0, time.Minute), "/v1/chat/completions", chatBody)
		assert.True(t, strings.HasPrefix(p.body.String(), "{"), p.body.String())
		assert.Equal(t, 4*time.Minute, time.Since(start))
	})
}

// An answer that goes on for ever ends with its client, in memory and over a
// connection.
func TestEndless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.OpenAI(providertest.Config{})
		for _, c := range []struct {
			step    providertest.Step
			body    string
			filler  string
			repeats int
		}{
			{providertest.Overloaded().Endless(time.Second), chatBody, " ", 9},
			{providertest.OK().Endless(time.Second), chatStream, ": keep-alive\n\n", 9},
		} {
			f.Script(c.step)
			ctx, cancel := context.WithTimeout(t.Context(), 9500*time.Millisecond)
			p, aborted := askUntil(ctx, f, "/v1/chat/completions", c.body)
			cancel()
			assert.True(t, aborted)
			assert.True(t, strings.HasSuffix(p.body.String(), strings.Repeat(c.filler, c.repeats)), p.body.String())
		}
	})
}

func TestEndlessFlood(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{Script: []providertest.Step{providertest.ServerError().Endless(0)}})
	server := httptest.NewServer(f)
	defer server.Close() // waits for the handler: it must end
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/chat/completions", strings.NewReader(chatBody))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer k")
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	require.NoError(t, err)
	assert.EqualValues(t, 1<<20, n)
	assert.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	require.NoError(t, resp.Body.Close())
}

func TestEndStream(t *testing.T) {
	for _, a := range apis() {
		t.Run(a.name, func(t *testing.T) {
			f := a.fake(providertest.Config{Text: "Hello you"})
			call := serve(t, f)
			for after, n := range map[int]int{0: 0, 1: 1, 99: a.events - 1} {
				f.Script(providertest.EndStream(after))
				r := call(a.stream)
				require.NoError(t, r.err)
				assert.Len(t, events(t, r.body, a.sep), n)
			}
			f.Script(providertest.EndStream(1))
			r := call(a.plain)
			assert.Equal(t, http.StatusOK, r.status)
			assert.Empty(t, r.body)
		})
	}
}

func TestBigEvent(t *testing.T) {
	cases := []struct {
		fake       *providertest.Fake
		path, body string
		size, big  int
	}{
		{providertest.OpenAI(providertest.Config{}), "/v1/chat/completions", chatStream, 20 << 20, 1},
		{providertest.OpenAI(providertest.Config{}), "/v1/responses", chatStream, 1 << 20, 3},
		{providertest.OpenAI(providertest.Config{}), "/v1/images/generations", `{"prompt":"x","stream":true,"partial_images":2}`, 1 << 20, 3},
		{providertest.Anthropic(providertest.Config{}), "/v1/messages", messageStream, 1 << 20, 1},
		{providertest.Gemini(providertest.Config{}), streamPath + "?alt=sse", contentBody, 1 << 20, 1},
		{providertest.Compatible("ollama", providertest.Config{}), "/api/chat", chatStream, 1 << 20, 1},
	}
	for _, c := range cases {
		t.Run(c.path, func(t *testing.T) {
			p, _ := ask(t, c.fake, providertest.OK().BigEvent(c.size), c.path, c.body)
			big := 0
			for line := range strings.SplitSeq(p.body.String(), "\n") {
				if len(line) >= c.size {
					big++
				}
			}
			assert.Equal(t, c.big, big)
			p, _ = ask(t, c.fake, providertest.OK(), c.path, c.body)
			assert.Less(t, p.body.Len(), 64<<10, "the next answer is as ever")
		})
	}
}

func TestNoUsage(t *testing.T) {
	usage := []string{`"usage"`, `"usageMetadata"`, `_count"`}
	const withUsage = `{"model":"m1","messages":[],"stream":true,"stream_options":{"include_usage":true}}`
	cases := []struct {
		fake       *providertest.Fake
		path, body string
	}{
		{providertest.OpenAI(providertest.Config{}), "/v1/chat/completions", chatBody},
		{providertest.OpenAI(providertest.Config{}), "/v1/chat/completions", withUsage},
		{providertest.OpenAI(providertest.Config{}), "/v1/responses", chatStream},
		{providertest.OpenAI(providertest.Config{}), "/v1/embeddings", `{"model":"m1","input":"x"}`},
		{providertest.Anthropic(providertest.Config{}), "/v1/messages", messageStream},
		{providertest.Gemini(providertest.Config{}), streamPath + "?alt=sse", contentBody},
		{providertest.Compatible("moonshot", providertest.Config{}), "/v1/chat/completions", chatStream},
		{providertest.Compatible("groq", providertest.Config{}), "/v1/chat/completions", withUsage},
		{providertest.Compatible("ollama", providertest.Config{}), "/api/chat", chatStream},
	}
	for _, c := range cases {
		told, _ := ask(t, c.fake, providertest.OK(), c.path, c.body)
		silent, _ := ask(t, c.fake, providertest.OK().NoUsage(), c.path, c.body)
		var found int
		for _, name := range usage {
			found += strings.Count(told.body.String(), name)
			assert.NotContains(t, silent.body.String(), name, c.path)
		}
		assert.Positive(t, found, "%s tells its usage as a rule: %s", c.path, told.body.String())
		assert.Equal(t, 200, silent.status)
	}
}

func TestUsageOnEach(t *testing.T) {
	for _, f := range []*providertest.Fake{providertest.OpenAI(providertest.Config{Text: "one two three"}), providertest.Compatible("vllm", providertest.Config{Text: "one two three"})} {
		p, _ := ask(t, f, providertest.OK().UsageOnEach(), "/v1/chat/completions", chatStream)
		list := events(t, p.body.String(), "\n\n")
		last := 0.0
		for _, e := range list[:len(list)-1] {
			said := dig(t, e.data, "usage.completion_tokens").(float64)
			assert.GreaterOrEqual(t, said, last)
			last = said
			want(t, e.data, map[string]any{"usage.prompt_tokens": 11.0, "usage.total_tokens": 11 + said})
		}
		assert.InDelta(t, 7.0, last, 0)
		assert.Equal(t, "[DONE]", list[len(list)-1].data)
	}
}

func TestIn200(t *testing.T) {
	cases := []struct {
		name       string
		fake       *providertest.Fake
		path, body string
		want       map[string]any
	}{
		{"chat", providertest.OpenAI(providertest.Config{}), "/v1/chat/completions", chatBody, map[string]any{"error.code": "server_is_overloaded"}},
		{"responses", providertest.OpenAI(providertest.Config{}), "/v1/responses", chatBody, map[string]any{"status": "failed", "error.code": "server_is_overloaded"}},
		{"messages", providertest.Anthropic(providertest.Config{}), "/v1/messages", messageBody, map[string]any{"error.type": "overloaded_error"}},
		{"gemini", providertest.Gemini(providertest.Config{}), generatePath, contentBody, map[string]any{"error.status": "UNAVAILABLE"}},
		{"openrouter", providertest.Compatible("openrouter", providertest.Config{}), "/api/v1/chat/completions", chatBody, map[string]any{
			"choices.0.error.code": 503.0, "choices.0.finish_reason": "error", "choices.0.error.metadata.error_type": "provider_overloaded"}},
		{"stream", providertest.OpenAI(providertest.Config{}), "/v1/chat/completions", chatStream, map[string]any{"error.code": "server_is_overloaded"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, _ := ask(t, c.fake, providertest.Overloaded().In200(), c.path, c.body)
			assert.Equal(t, 200, p.status)
			assert.Contains(t, p.header.Get("Content-Type"), "application/json")
			want(t, p.body.String(), c.want)
		})
	}
}

func TestRedirectAndFirewall(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{Script: []providertest.Step{
		providertest.Redirect(http.StatusTemporaryRedirect, "https://elsewhere.invalid/"), providertest.Firewall(),
	}})
	p, _ := askUntil(t.Context(), f, "/v1/chat/completions", chatBody)
	assert.Equal(t, 307, p.status)
	assert.Equal(t, "https://elsewhere.invalid/", p.header.Get("Location"))
	p, _ = askUntil(t.Context(), f, "/v1/chat/completions", chatBody)
	assert.Equal(t, 403, p.status)
	assert.Equal(t, "text/html; charset=UTF-8", p.header.Get("Content-Type"))
	assert.Contains(t, strings.ToLower(p.body.String()), "just a moment")
	assert.Contains(t, p.body.String(), "cf-chl")
}

func TestNewRefusals(t *testing.T) {
	cases := []struct {
		fake       *providertest.Fake
		path, body string
		step       providertest.Step
		status     int
		want       map[string]any
	}{
		{providertest.OpenAI(providertest.Config{}), "/v1/chat/completions", chatBody, providertest.Capacity(), 429, map[string]any{"error.code": "slow_down"}},
		{providertest.Anthropic(providertest.Config{}), "/v1/messages", messageBody, providertest.Capacity(), 429, map[string]any{"error.details.error_code": "ramp_limit_exceeded"}},
		{providertest.Gemini(providertest.Config{}), generatePath, contentBody, providertest.Capacity(), 429, map[string]any{"error.details.0.reason": "MODEL_CAPACITY_EXHAUSTED"}},
		{providertest.OpenAI(providertest.Config{}), "/v1/chat/completions", chatBody, providertest.TooLarge(), 413, map[string]any{"error.type": "invalid_request_error"}},
		{providertest.Anthropic(providertest.Config{}), "/v1/messages", messageBody, providertest.TooLarge(), 413, map[string]any{"error.type": "request_too_large"}},
		{providertest.Gemini(providertest.Config{}), generatePath, contentBody, providertest.TooLarge(), 400, map[string]any{"error.status": "INVALID_ARGUMENT"}},
	}
	for _, c := range cases {
		p, _ := ask(t, c.fake, c.step, c.path, c.body)
		assert.Equal(t, c.status, p.status)
		want(t, p.body.String(), c.want)
	}
}

// Steps are put together: a cut in the middle of a stream that trickles byte by
// byte, with a byte order mark and a header of its own.
func TestStepsCompose(t *testing.T) {
	step := providertest.CutStream(1).Lines(providertest.Lines{BOM: true, End: "\r\n"}).ByteByByte(0).KeepAlive(1, 0, 0).Header("X-Mark", "one")
	f := providertest.Anthropic(providertest.Config{Script: []providertest.Step{step, step}})
	p, aborted := askUntil(t.Context(), f, "/v1/messages", messageStream)
	assert.True(t, aborted)
	assert.True(t, strings.HasPrefix(p.body.String(), "\ufeffevent: ping\r\ndata: {\"type\":\"ping\"}\r\n\r\nevent: message_start\r\n"), p.body.String())
	assert.Equal(t, "one", p.header.Get("X-Mark"))

	r := serve(t, f)(asked{path: "/v1/messages", key: "k", body: messageStream})
	require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
	assert.NotErrorIs(t, r.err, io.EOF)
}

// A zero step that was told how to be put on the wire is a step.
func TestWireOfTheZeroStep(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{})
	f.Always(providertest.ServerError())
	for _, s := range []providertest.Step{
		providertest.Step{}.ByteByByte(0), providertest.Step{}.KeepAlive(1, 1, 0), providertest.Step{}.Header("X-Mark", "one"),
		providertest.Step{}.Remaining(1, 1, 0), providertest.Step{}.Lines(providertest.Lines{}), providertest.Step{}.BigEvent(1),
		providertest.Step{}.NoUsage(), providertest.Step{}.UsageOnEach(), providertest.Step{}.In200(), providertest.Step{}.RetryAfter(0, providertest.RetrySeconds),
	} {
		f.AlwaysFor("k", s)
		p, aborted := askUntil(t.Context(), f, "/v1/chat/completions", chatBody)
		assert.False(t, aborted)
		assert.Equal(t, 200, p.status)
	}
}
