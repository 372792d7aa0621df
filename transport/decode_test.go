package transport_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/transport"
)

const plainText = `{"usage":{"prompt_tokens":11}}`

// packed is a text in a content coding.
func packed(t testing.TB, coding, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zlib":
		w = zlib.NewWriter(&b)
	case "raw deflate":
		f, err := flate.NewWriter(&b, flate.DefaultCompression)
		require.NoError(t, err)
		w = f
	default:
		return []byte(s)
	}
	_, err := io.WriteString(w, s)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// upper is a coding of our own: its Decoder gives capitals.
func upper(r io.Reader) (io.ReadCloser, error) {
	b, err := io.ReadAll(r)
	return io.NopCloser(strings.NewReader(strings.ToUpper(string(b)))), err
}

func TestDecode(t *testing.T) {
	double := packed(t, "gzip", string(packed(t, "gzip", plainText)))
	tests := map[string]struct {
		accept, encoding string
		body             []byte
		want             string
		raw              bool // left as it came
	}{
		"gzip, nobody asked":         {"", "gzip", packed(t, "gzip", plainText), plainText, false},
		"gzip, identity was asked":   {"identity", "GZIP", packed(t, "gzip", plainText), plainText, false},
		"gzip, refused by weight":    {"gzip;q=0", "gzip", packed(t, "gzip", plainText), plainText, false},
		"gzip, named by the caller":  {"br, gzip;q=0.5", "gzip", packed(t, "gzip", plainText), string(packed(t, "gzip", plainText)), true},
		"deflate as zlib":            {"", "deflate", packed(t, "zlib", plainText), plainText, false},
		"deflate, bare":              {"", "deflate", packed(t, "raw deflate", plainText), plainText, false},
		"two codings":                {"", "gzip, gzip", double, plainText, false},
		"one given by the user":      {"", "upper", []byte("abc"), "ABC", false},
		"one that nobody knows":      {"", "sdch", []byte("abc"), "abc", true},
		"known over unknown":         {"", "sdch, gzip", packed(t, "gzip", "abc"), string(packed(t, "gzip", "abc")), true},
		"none, said to be identity":  {"", "identity", []byte("abc"), "abc", true},
		"more than anybody would":    {"", "gzip,gzip,gzip,gzip,gzip", []byte("abc"), "abc", true},
		"no coding":                  {"", "", []byte("abc"), "abc", true},
		"empty but said to be coded": {"", "gzip", nil, "", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			upstream := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				resp := &http.Response{
					StatusCode: http.StatusOK, Header: make(http.Header), Request: r,
					ContentLength: int64(len(tt.body)), Body: io.NopCloser(bytes.NewReader(tt.body)),
				}
				if tt.body == nil {
					resp.Body = http.NoBody
				}
				if tt.encoding != "" {
					resp.Header.Set("Content-Encoding", tt.encoding)
				}
				return resp, nil
			})
			rt := transport.Chain(upstream, transport.Decode(map[string]transport.Decoder{"UPPER": upper}))
			req := newRequest(t, http.MethodGet, "http://h/", nil)
			if tt.accept != "" {
				req.Header.Set("Accept-Encoding", tt.accept)
			}
			resp, body := exchange(t, rt, req)
			assert.Equal(t, tt.want, body)
			if tt.raw {
				assert.Equal(t, tt.encoding, resp.Header.Get("Content-Encoding"))
				assert.False(t, resp.Uncompressed)
				return
			}
			assert.Empty(t, resp.Header.Get("Content-Encoding"))
			assert.True(t, resp.Uncompressed)
			assert.EqualValues(t, -1, resp.ContentLength)
		})
	}
	t.Run("garbage is an error, again and again", func(t *testing.T) {
		upstream := transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{Header: http.Header{"Content-Encoding": {"gzip"}}, Body: io.NopCloser(strings.NewReader("no gzip at all"))}, nil
		})
		resp, err := transport.Chain(upstream, transport.Decode(nil)).RoundTrip(newRequest(t, http.MethodGet, "http://h/", nil))
		require.NoError(t, err)
		defer resp.Body.Close()
		for range 2 {
			_, err = io.ReadAll(resp.Body)
			require.ErrorIs(t, err, gzip.ErrHeader)
			assert.ErrorContains(t, err, "gzip")
		}
	})
	t.Run("a truncated answer is no end", func(t *testing.T) {
		body := packed(t, "gzip", strings.Repeat(plainText, 100))
		upstream := transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{Header: http.Header{"Content-Encoding": {"gzip"}}, Body: io.NopCloser(bytes.NewReader(body[:len(body)-8]))}, nil
		})
		resp, err := transport.Chain(upstream, transport.Decode(nil)).RoundTrip(newRequest(t, http.MethodGet, "http://h/", nil))
		require.NoError(t, err)
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
}

func TestReplayable(t *testing.T) {
	tests := map[string]struct {
		body      string
		max       int64
		again     bool
		wantError bool
	}{
		"short":           {"hello", 10, true, false},
		"exactly the max": {"hello", 5, true, false},
		"too long":        {"hello", 4, false, false},
		"empty":           {"", 4, true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var sent []string
			rt := transport.Chain(transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
				b, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				require.NoError(t, r.Body.Close())
				sent = append(sent, string(b))
				assert.Equal(t, tt.again, r.GetBody != nil)
				if tt.again {
					assert.EqualValues(t, len(tt.body), r.ContentLength)
					more, err := r.GetBody()
					require.NoError(t, err)
					b, err = io.ReadAll(more)
					require.NoError(t, err)
					sent = append(sent, string(b))
				}
				return &http.Response{Body: http.NoBody}, nil
			}), transport.Replayable(tt.max))
			body := &closing{Reader: strings.NewReader(tt.body)}
			req := newRequest(t, http.MethodPost, "http://h/", body)
			resp, err := rt.RoundTrip(req)
			require.NoError(t, err)
			assert.Same(t, req, resp.Request)
			assert.True(t, body.closed, "the caller's body is closed")
			for _, s := range sent {
				assert.Equal(t, tt.body, s)
			}
		})
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

// tracked is a decoder that knows whether it was closed.
type tracked struct {
	io.Reader
	closed atomic.Int64
}

func (r *tracked) Close() error { r.closed.Add(1); return nil }

// A decoder is closed once, when the answer is, even if a Read waits in it just then.
func TestDecodersAreClosed(t *testing.T) {
	for _, reading := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			under, w := io.Pipe()
			decoder := &tracked{Reader: under}
			layer := transport.Decode(map[string]transport.Decoder{"x": func(io.Reader) (io.ReadCloser, error) { return decoder, nil }})
			resp, err := layer(transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
				return &http.Response{Header: http.Header{"Content-Encoding": {"x"}}, Body: under}, nil
			})).RoundTrip(unbounded(t, http.MethodGet, "http://a.test", nil))
			require.NoError(t, err)
			go func() { _, _ = io.WriteString(w, "x") }()
			_, err = io.ReadFull(resp.Body, make([]byte, 1))
			require.NoError(t, err)
			if reading {
				go func() {
					_, err := resp.Body.Read(make([]byte, 1))
					assert.Error(t, err)
				}()
				synctest.Wait()
			}
			require.NoError(t, resp.Body.Close())
			require.NoError(t, resp.Body.Close())
			synctest.Wait()
			assert.Equal(t, int64(1), decoder.closed.Load())
			_, err = resp.Body.Read(make([]byte, 1))
			assert.Error(t, err)
		})
	}
}
