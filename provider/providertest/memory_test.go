package providertest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider/providertest"
)

// chatRequest is a streamed chat as a client sends it.
func chatRequest(ctx context.Context, t *testing.T, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.openai.com/v1/chat/completions", body)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer k")
	return r
}

// closing is a request's body that tells whether it was closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestClientStreamsInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.OpenAI(providertest.Config{Text: "Hello you"})
		f.Always(providertest.Trickle(time.Minute).After(time.Hour))
		body := &closing{Reader: strings.NewReader(chatStream)}
		start := time.Now()
		resp, err := f.Client().Do(chatRequest(t.Context(), t, body))
		require.NoError(t, err)
		assert.Equal(t, time.Hour, time.Since(start), "the header comes with the first flush")
		assert.Equal(t, "200 OK", resp.Status)
		assert.EqualValues(t, -1, resp.ContentLength)
		buf := make([]byte, 4096)
		for i := range 5 {
			n, err := resp.Body.Read(buf)
			require.NoError(t, err)
			assert.Equal(t, 1, strings.Count(string(buf[:n]), "data: "), "one event a read")
			assert.Equal(t, time.Hour+time.Duration(i)*time.Minute, time.Since(start))
		}
		_, err = resp.Body.Read(buf)
		assert.Equal(t, io.EOF, err)
		require.NoError(t, resp.Body.Close())
		assert.True(t, body.closed)
		h := f.Hits()[0]
		assert.Equal(t, "api.openai.com", h.Host)
		assert.JSONEq(t, chatStream, string(h.Body))
		assert.EqualValues(t, -1, h.ContentLength, "a body of unknown length is announced as such")
	})
}

func TestInMemoryBreaksOff(t *testing.T) {
	f := providertest.OpenAI(providertest.Config{Text: "Hello you"})
	for _, body := range []string{chatStream, chatBody} {
		f.Script(providertest.CutStream(2))
		resp, err := f.Client().Do(chatRequest(t.Context(), t, strings.NewReader(body)))
		require.NoError(t, err)
		_, err = io.ReadAll(resp.Body)
		assert.Equal(t, io.ErrUnexpectedEOF, err)
		require.NoError(t, resp.Body.Close())
	}
	abort := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := providertest.InMemory(abort).RoundTrip(chatRequest(t.Context(), t, nil))
	assert.Equal(t, io.EOF, err, "no answer at all")
}

// What a request waits for ends with its context: the answer, and the rest of
// a body; and the handler's context ends when the body is closed.
func TestInMemoryEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := providertest.OpenAI(providertest.Config{})
		f.Script(providertest.Hang(), providertest.Trickle(time.Hour), providertest.Trickle(time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		body := &closing{Reader: strings.NewReader(chatStream)}
		_, err := f.Client().Do(chatRequest(ctx, t, body))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.True(t, body.closed)

		ctx, stop := context.WithCancelCause(t.Context())
		resp, err := f.Client().Do(chatRequest(ctx, t, strings.NewReader(chatStream)))
		require.NoError(t, err)
		reason := errors.New("enough")
		time.AfterFunc(time.Minute, func() { stop(reason) })
		_, err = io.ReadAll(resp.Body)
		require.ErrorIs(t, err, reason)
		require.NoError(t, resp.Body.Close())

		resp, err = f.Client().Do(chatRequest(t.Context(), t, strings.NewReader(chatStream)))
		require.NoError(t, err)
		start := time.Now()
		require.NoError(t, resp.Body.Close())
		assert.Zero(t, time.Since(start), "the fake goes on after its client has left")
		_, err = resp.Body.Read(make([]byte, 1))
		require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
	})
}

func TestInMemoryIsAServer(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	mux := http.NewServeMux()
	mux.HandleFunc("a.test/big", func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(w, big)
		assert.NoError(t, err)
	})
	mux.HandleFunc("a.test/late", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("X-Late", "yes")
		assert.Equal(t, "/late?q=1", r.RequestURI)
		assert.Empty(t, r.URL.Host)
		assert.NotNil(t, r.TLS)
		assert.Equal(t, "HTTP/1.1", r.Proto)
	})
	mux.HandleFunc("a.test/none", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		_, err := io.WriteString(w, "x")
		assert.ErrorIs(t, err, http.ErrBodyNotAllowed)
	})
	mux.HandleFunc("a.test/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		_, err := io.WriteString(w, "four")
		assert.NoError(t, err)
		_, err = io.WriteString(w, "four")
		assert.ErrorIs(t, err, http.ErrContentLength)
	})
	cases := []struct {
		method, url string
		status      int
		length      int64
		typ, body   string
		err         error
	}{
		{"GET", "https://a.test/big", 200, -1, "text/plain; charset=utf-8", big, nil},
		{"HEAD", "https://a.test/big", 200, -1, "text/plain; charset=utf-8", "", nil},
		{"GET", "https://a.test/late?q=1", 418, 0, "", "", nil},
		{"GET", "https://a.test/none", 204, -1, "", "", nil},
		{"GET", "http://a.test/short", 200, 5, "text/plain; charset=utf-8", "four", io.ErrUnexpectedEOF},
		{"GET", "http://b.test/big", 404, -1, "text/plain; charset=utf-8", "404 page not found\n", nil},
	}
	for _, c := range cases {
		r, err := http.NewRequestWithContext(t.Context(), c.method, c.url, http.NoBody)
		require.NoError(t, err)
		resp, err := providertest.InMemory(mux).RoundTrip(r)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		assert.Equal(t, c.err, err, c.url)
		assert.Equal(t, c.body, string(body), c.url)
		assert.Equal(t, c.status, resp.StatusCode, c.url)
		assert.Equal(t, c.length, resp.ContentLength, c.url)
		assert.Equal(t, c.typ, resp.Header.Get("Content-Type"), c.url)
		assert.Empty(t, resp.Header.Get("X-Late"), "a header that is set too late")
		require.NoError(t, resp.Body.Close())
	}
	_, err := providertest.InMemory(mux).RoundTrip(&http.Request{})
	assert.ErrorContains(t, err, "URL")
}

// A client that has gone gets no answer from a handler that returns because of it.
func TestInMemoryGoneBeforeTheAnswer(t *testing.T) {
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			rt := providertest.InMemory(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://fake.example/", nil)
			require.NoError(t, err)
			resp, err := rt.RoundTrip(r)
			if err == nil {
				_ = resp.Body.Close()
			}
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
	}
}
