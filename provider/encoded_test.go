package provider_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/provider"
)

// coded puts a content coding on a text.
func coded(t testing.TB, coding, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zlib":
		w = zlib.NewWriter(&b)
	case "flate":
		raw, err := flate.NewWriter(&b, flate.DefaultCompression)
		require.NoError(t, err)
		w = raw
	}
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// backwards is a coding of our own, for what the standard library has no decoder
// of, such as zstd.
func backwards(r io.Reader) (io.ReadCloser, error) {
	b, err := io.ReadAll(r)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return io.NopCloser(bytes.NewReader(b)), err
}

func turned(s string) []byte {
	r, _ := backwards(strings.NewReader(s))
	b, _ := io.ReadAll(r)
	return b
}

// codedRequest is a request whose body has a content coding.
func codedRequest(t testing.TB, codings ...string) *http.Request {
	r := request(t, "POST", "https://h/v1/chat/completions", "Content-Type", "application/json", "Content-Length", "7")
	r.Header["Content-Encoding"] = codings
	return r
}

func TestPlain(t *testing.T) {
	const text = `{"model":"m","stream":true}`
	zstd := provider.Codings{"zstd": backwards}
	gz := coded(t, "gzip", text)
	for name, c := range map[string]struct {
		codings provider.Codings
		header  []string
		body    []byte
		model   string
		whole   bool
	}{
		"none":              {nil, nil, []byte(text), "m", true},
		"identity":          {nil, []string{"identity", "Identity ,"}, []byte(text), "m", true},
		"gzip":              {nil, []string{"gzip"}, gz, "m", true},
		"x-gzip":            {nil, []string{" X-GZIP"}, gz, "m", true},
		"deflate":           {nil, []string{"deflate"}, coded(t, "zlib", text), "m", true},
		"bare deflate":      {nil, []string{"deflate"}, coded(t, "flate", text), "m", true},
		"two":               {nil, []string{"deflate, gzip"}, coded(t, "gzip", string(coded(t, "zlib", text))), "m", true},
		"two fields":        {nil, []string{"deflate", "identity", "gzip"}, coded(t, "gzip", string(coded(t, "zlib", text))), "m", true},
		"five":              {nil, []string{"gzip,gzip,gzip,gzip,gzip"}, gz, "", false},
		"zstd":              {zstd, []string{"ZSTD"}, turned(text), "m", true},
		"zstd over gzip":    {zstd, []string{"gzip, zstd"}, turned(string(gz)), "m", true},
		"zstd, no decoder":  {nil, []string{"zstd"}, turned(text), "", false},
		"gzip over unknown": {nil, []string{"zstd, gzip"}, coded(t, "gzip", string(turned(text))), "", false},
		"a better gzip":     {provider.Codings{"gzip": backwards}, []string{"gzip"}, turned(text), "m", true},
		"not gzip":          {nil, []string{"gzip"}, []byte(text), "", false},
		"empty":             {nil, []string{"gzip"}, nil, "", false},
		"half a head":       {nil, []string{"gzip"}, gz[:5], "", false},
		"without its end":   {nil, []string{"gzip"}, gz[:len(gz)-1], "m", false},
		"bytes behind":      {nil, []string{"gzip"}, append(bytes.Clone(gz), "more"...), "m", false},
		"decodes to none":   {nil, []string{"gzip"}, coded(t, "gzip", ""), "", false},
	} {
		r := codedRequest(t, c.header...)
		before := r.Header.Clone()
		plain, got, whole := c.codings.Plain(r, c.body, 1<<20)
		op := provider.OpenAI.API.Describe(plain, got)
		assert.Equal(t, c.model, op.Model, name)
		assert.Equal(t, c.model != "", op.Stream, name)
		assert.Equal(t, provider.OpChat, op.Kind, name)
		assert.Equal(t, c.whole, whole, name)
		assert.Equal(t, before, r.Header, "%s: the caller's header is left alone", name)
		if len(got) > 0 && &got[0] == &c.body[0] {
			assert.Same(t, r, plain, name)
			continue
		}
		if plain == r {
			assert.Empty(t, got, name)
			continue
		}
		assert.Empty(t, plain.Header.Values("Content-Encoding"), name)
		assert.Empty(t, plain.Header.Values("Content-Length"), name)
		assert.Equal(t, "application/json", plain.Header.Get("Content-Type"), name)
		if whole {
			assert.True(t, bytes.Equal([]byte(text), got), name)
			assert.Equal(t, int64(len(text)), plain.ContentLength, name)
		} else {
			assert.Equal(t, int64(-1), plain.ContentLength, name)
		}
	}
}

// A small body that decodes to a large one is decoded up to the limit, in every
// layer.
func TestPlainIsBounded(t *testing.T) {
	const limit = 64 << 10
	bomb := string(coded(t, "gzip", `{"model":"m","x":"`+strings.Repeat("x", 16<<20)))
	_, text, whole := provider.Codings(nil).Plain(codedRequest(t, "gzip"), []byte(bomb), limit)
	assert.Len(t, text, limit)
	assert.False(t, whole)
	assert.Equal(t, "m", provider.OpenAI.API.Describe(request(t, "POST", "https://h/v1/chat/completions"), text).Model)

	exact := coded(t, "gzip", strings.Repeat("x", limit))
	_, text, whole = provider.Codings(nil).Plain(codedRequest(t, "gzip"), exact, limit)
	assert.Len(t, text, limit)
	assert.True(t, whole, "what fits is whole")
	for _, small := range []int64{limit - 1, 1, 0, -1} {
		_, text, whole = provider.Codings(nil).Plain(codedRequest(t, "gzip"), exact, small)
		assert.False(t, whole)
		if small > 0 {
			assert.Len(t, text, int(small))
		}
	}

	// What lies between two codings is read for no more than the limit either: 16 MiB
	// of gzip that decodes to nothing at all.
	var inner int64
	counting := provider.Codings{"gzip": func(r io.Reader) (io.ReadCloser, error) {
		return io.NopCloser(&counter{r, &inner}), nil
	}}
	nothing := strings.Repeat(string(coded(t, "gzip", "")), 16<<20/23)
	_, _, whole = counting.Plain(codedRequest(t, "gzip, deflate"), coded(t, "zlib", nothing), limit)
	assert.False(t, whole)
	assert.LessOrEqual(t, inner, int64(limit))
}

// counter counts what is read and yields nothing of it.
type counter struct {
	r io.Reader
	n *int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return 0, err
}

// What was opened to decode is closed, also where that fails.
func TestPlainCloses(t *testing.T) {
	open, closed := 0, 0
	codings := provider.Codings{
		"zstd": func(r io.Reader) (io.ReadCloser, error) {
			open++
			return closing{r, &closed}, nil
		},
		"broken": func(io.Reader) (io.ReadCloser, error) { return nil, errors.New("broken on purpose") },
	}
	codings.Plain(codedRequest(t, "zstd"), []byte("x"), 10)
	codings.Plain(codedRequest(t, "zstd, zstd"), []byte("x"), 0)
	codings.Plain(codedRequest(t, "broken, zstd"), []byte("x"), 10)
	assert.Equal(t, 4, open)
	assert.Equal(t, open, closed)
}

type closing struct {
	io.Reader
	closed *int
}

func (c closing) Close() error {
	*c.closed++
	return nil
}

// A model in a coded body cannot be replaced there, and the error says what to do;
// one in the path can.
func TestRenameInCodedBody(t *testing.T) {
	const text = `{"model":"models/a"}`
	for _, c := range []struct {
		p    *provider.Provider
		path string
	}{{provider.OpenAI, "/v1/chat/completions"}, {provider.Gemini, "/v1beta/models/a:countTokens"}} {
		r := request(t, "POST", "https://h"+c.path, "Content-Encoding", "gzip")
		body := coded(t, "gzip", text)
		plain, got, whole := provider.Codings(nil).Plain(r, body, 1<<20)
		require.True(t, whole)
		op := c.p.API.Describe(plain, got)
		renamed, err := op.Rename(r, body, "b")
		if c.p == provider.Gemini {
			require.NoError(t, err)
			assert.Equal(t, body, renamed, "a coded body is left alone")
			assert.Equal(t, "/v1beta/models/b:countTokens", r.URL.Path)
		} else {
			assert.ErrorContains(t, err, "take it off with Codings.Plain")
			assert.NotContains(t, err.Error(), "models/a")
		}
		renamed, err = op.Rename(plain, got, "models/b")
		require.NoError(t, err)
		assert.JSONEq(t, `{"model":"models/b"}`, string(renamed))
	}
}

// FuzzPlain: no bytes are too strange, and the limit holds.
func FuzzPlain(f *testing.F) {
	f.Add("gzip", coded(f, "gzip", `{"model":"m"}`), int64(5))
	f.Add("deflate, identity", coded(f, "zlib", `{"model":"m"}`), int64(500))
	f.Add("deflate,gzip", coded(f, "flate", `{"model":"m"}`), int64(0))
	f.Fuzz(func(t *testing.T, codings string, body []byte, limit int64) {
		limit %= 1 << 20
		r := codedRequest(t, codings)
		plain, text, whole := provider.Codings(nil).Plain(r, body, limit)
		if plain != r && (int64(len(text)) > limit || len(text) == 0) {
			t.Fatalf("%d bytes of at most %d", len(text), limit)
		}
		if plain == r && !bytes.Equal(text, body) {
			t.Fatal("another body")
		}
		if _, more, again := provider.Codings(nil).Plain(r, body, limit+1<<10); whole && (!again || !bytes.Equal(more, text)) {
			t.Fatal("a whole body grew with the limit")
		}
		provider.OpenAI.API.Describe(plain, text)
	})
}
